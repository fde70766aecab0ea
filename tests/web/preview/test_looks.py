"""A letter in other mail programs: only what they do differently changes."""

from leadmagnet.web.preview.looks import Look, dressed

PAGE = (
    '<html><head><meta name="color-scheme" content="light dark"><style>:root{color-scheme:light dark}'
    "@media screen and (prefers-color-scheme: dark) and (max-width:640px){p{color:#fff}}</style></head>"
    '<body><p style="font:400 18px/1.6 Georgia;margin:0 0 18px">Words</p><img src="https://x/a.png" alt="A cat"></body></html>'
)


def test_the_dark_is_the_letters_own_dark() -> None:
    dark, light = dressed(PAGE, Look("dark")), dressed(PAGE, Look("light"))
    assert "@media screen and (min-width:0px) and (max-width:640px)" in dark
    assert "@media screen and (min-width:99999px) and (max-width:640px)" in light
    assert 'content="dark"' in dark and "color-scheme:dark}" in dark and 'content="light"' in light


def test_without_pictures_their_words_stay() -> None:
    assert '<img src="" alt="A cat">' in dressed(PAGE, Look(pictures=False))


def test_large_text_is_text_twice_as_large_and_nothing_else() -> None:
    assert 'style="font:400 36px/1.6 Georgia;margin:0 0 18px"' in dressed(PAGE, Look(large=True))


def test_colours_turned_over_spare_the_pictures() -> None:
    turned = dressed(PAGE, Look("inverted"))
    assert "html{background:#fff;filter:invert(1)" in turned and "img,svg,video{filter:invert(1)" in turned
    assert "(min-width:99999px)" in turned, "it is the light letter that is turned over"
