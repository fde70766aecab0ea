"""A whole folder: what a build holds, and that one mistake never hides another."""

import os
from pathlib import Path

from leadmagnet.content.compile import compile_folder
from leadmagnet.content.compiled import Compiled

from .conftest import FILES, TIGHT, SiteFolder, short

ROOT = Path(__file__).parents[2]


def test_a_sound_site_compiles_without_a_finding(site: SiteFolder) -> None:
    build = site.build()
    assert build.findings == ()
    assert build.compiled is not None
    assert set(build.compiled.letters) == {
        "system/confirm", "system/confirm-reminder", "system/confirm-address", "system/guide-again", "hips/guide", "hips/tight",
    }  # fmt: skip
    assert build.compiled.sequence_of("hips").slug == "hips"
    assert build.compiled.letters["hips/tight"].path == TIGHT


def test_the_example_site_compiles_without_a_finding() -> None:
    assert [str(finding) for finding in compile_folder(ROOT).findings] == []


def test_what_is_compiled_survives_its_way_through_the_database(site: SiteFolder) -> None:
    compiled = site.compiled()
    assert Compiled.model_validate_json(compiled.model_dump_json()) == compiled


def test_errors_of_one_file_do_not_hide_errors_of_another(site: SiteFolder) -> None:
    site.write("leadmagnet.toml", "[site\n")
    site.replace(TIGHT, "Hello", "{{ frist_name }}")
    site.replace("email_templates/hips/10-guide.md", "day = 0", "day = x")
    site.replace("email_templates/system/confirm.md", "{{ confirm_url }}", "example.com")
    site.replace("guides/hips/guide.md", "title", "titel")
    site.write("email_templates/_snippets/sign-off.md", b"\xff")
    build = site.build()
    assert build.compiled is None
    assert list(build.findings) == sorted(build.findings)
    assert {finding.path.rpartition("/")[2] for finding in build.findings} == {
        "leadmagnet.toml", "20-tight.md", "10-guide.md", "confirm.md", "guide.md", "sign-off.md",
    }  # fmt: skip


def test_a_broken_leadmagnet_toml_causes_no_errors_elsewhere(site: SiteFolder) -> None:
    site.write("leadmagnet.toml", "[site\n")
    assert [f.path for f in site.findings()] == ["leadmagnet.toml"]
    site.delete("leadmagnet.toml")
    assert [short(f) for f in site.findings()] == ["leadmagnet.toml E102 the site has no leadmagnet.toml."]


def test_a_broken_guide_causes_no_errors_in_letters(site: SiteFolder) -> None:
    site.replace("guides/hips/guide.md", "title =", "title = =")
    assert [short(f).partition(":")[0] for f in site.findings()] == ["guide.md"]


def test_an_empty_folder_is_an_answer_and_not_a_crash(tmp_path: Path) -> None:
    build = compile_folder(tmp_path)
    assert build.compiled is None
    assert build.findings
    assert compile_folder(tmp_path / "nowhere").findings == build.findings


def test_files_are_held_exactly_as_read_without_the_machine_settings(site: SiteFolder) -> None:
    site.write(TIGHT, (site.path / TIGHT).read_bytes().replace(b"\n", b"\r\n"))
    build = site.build()
    assert build.findings == ()
    assert build.files[TIGHT] == (site.path / TIGHT).read_bytes()
    assert set(build.files) == set(FILES) - {"leadmagnet.toml"}


def test_what_editors_leave_behind_is_passed_over(site: SiteFolder, tmp_path: Path) -> None:
    digest = site.build().digest
    for name in (".20-tight.md.swp", "20-tight.md~", "#20-tight.md#", ".DS_Store", "notes.docx", "20-tight.md.swp"):
        site.write(f"email_templates/hips/{name}", b"\x00")
    site.write("email_templates/.git/config.md", "x")
    (tmp_path / "outside.md").write_text("secret")
    os.symlink(tmp_path / "outside.md", site.path / "email_templates/hips/30-outside.md")
    os.symlink(tmp_path, site.path / "guides/everything")
    os.symlink(site.path / "gone.md", site.path / "email_templates/hips/40-gone.md")
    os.mkfifo(site.path / "email_templates/hips/50-pipe.md")
    assert site.build().digest == digest


def test_a_file_beyond_its_limit_is_an_error(site: SiteFolder) -> None:
    site.write("email_templates/_snippets/big.md", b"a" * 1_000_001)
    assert [short(f) for f in site.findings()] == ["big.md E105 the file is larger than 1 MB."]


def test_the_digest_is_stable_and_follows_content_alone(site: SiteFolder) -> None:
    first = site.build().digest
    assert first == site.build().digest
    assert len(bytes.fromhex(first)) == 32
    site.replace("leadmagnet.toml", "mail.example.com", "mail.example.com")  # the same again
    site.replace("leadmagnet.toml", 'base_url = "https://mail.example.com"', "# another machine\nport = 9000")
    assert site.build().digest == first
    site.replace("leadmagnet.toml", "Springfield", "Shelbyville")
    second = site.build().digest
    assert second != first
    site.replace(TIGHT, "Hello", "Hallo")
    assert site.build().digest not in (first, second)


def test_the_digest_tells_a_path_from_the_content_before_it(site: SiteFolder) -> None:
    site.write("email_templates/_snippets/a.md", "")
    site.write("email_templates/_snippets/b.md", "X")
    two = site.build().digest
    site.delete("email_templates/_snippets/b.md")
    site.write("email_templates/_snippets/a.md", "email_templates/_snippets/b.mdX")
    assert site.build().digest != two


def test_compiling_twice_gives_the_same_templates(site: SiteFolder) -> None:
    site.replace(TIGHT, "Hello", "{% if guide_opened %}\nHi {{ first_name }}\n{% endif %}\n\nHello")
    assert site.compiled() == site.compiled()
