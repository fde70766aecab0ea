"""One list has every rule there is, and nothing else."""

import re
from pathlib import Path

import leadmagnet
from leadmagnet.content.checks.catalogue import ON_REQUEST, RULES

CODE = re.compile(r'"([EWI]\d{3})"')
FOLDER = Path(leadmagnet.__file__).parent
SOURCES = [path for path in FOLDER.rglob("*.py") if path.name != "catalogue.py"]


def test_every_rule_of_the_program_is_in_the_list_and_the_other_way_round() -> None:
    used = {code for path in SOURCES for code in CODE.findall(path.read_text())}
    assert used == RULES.keys()


def test_every_rule_says_why_and_what_to_do_in_a_sentence_each() -> None:
    for code, rule in RULES.items():
        assert (rule.code, rule.level[0].upper()) == (code, code[0])
        for words in (rule.why, rule.fix):
            assert words[-1] in ".!" and "\n" not in words, code
        assert not rule.about.endswith(".")
    assert all(RULES[code].asked for code in ON_REQUEST)
