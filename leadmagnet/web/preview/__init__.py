"""The preview: the letters as readers will see them, while they are written."""
