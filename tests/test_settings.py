"""Machine settings: where they come from, what is refused and in which words, and the secrets that are kept."""

import multiprocessing
import stat
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from leadmagnet.errors import SettingsError
from leadmagnet.settings import Settings, line_of, load

CONTENT = '\n[site]\nname = "Run Bend Barre"\nport = "not ours"\n\n[links]\nflow = "#flow"\n'


def written(folder: Path, text: str) -> Path:
    (folder / "leadmagnet.toml").write_text(text + CONTENT)
    return folder


class TestSources:
    """The environment wins over the file, the file over the defaults."""

    def test_an_empty_file_gives_the_defaults(self, tmp_path: Path) -> None:
        settings = load(written(tmp_path, ""))
        assert (settings.host, settings.port, settings.site_url) == ("127.0.0.1", 8000, "http://127.0.0.1:8000")
        assert settings.data_dir == tmp_path / "var"
        assert settings.database == f"sqlite:///{tmp_path}/var/leadmagnet.db"
        assert settings.uses_test_mailbox and settings.mailbox_path == tmp_path / "var" / "mailbox"
        assert settings.signup_limits == "on" and settings.trusted_proxies == ()

    def test_the_file_is_read_from_its_top(self, tmp_path: Path) -> None:
        text = 'port = 8001\nhost = "localhost"\nbase_url = "https://mail.example.com/"\ntrusted_proxies = ["10.0.0.0/8"]\n'
        settings = load(written(tmp_path, text))
        assert (settings.host, settings.port, settings.site_url) == ("localhost", 8001, "https://mail.example.com")
        assert settings.trusted_proxies == ("10.0.0.0/8",)

    def test_the_environment_wins(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEADMAGNET_PORT", "8002")
        monkeypatch.setenv("LEADMAGNET_TRUSTED_PROXIES", " 10.0.0.1 , 2001:db8::/32 ,")
        settings = load(written(tmp_path, "port = 8001\n"))
        assert settings.port == 8002
        assert settings.trusted_proxies == ("10.0.0.1", "2001:db8::/32")

    def test_an_empty_variable_is_as_good_as_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEADMAGNET_PORT", "")
        monkeypatch.setenv("LEADMAGNET_SMTP_URL", "")
        settings = load(written(tmp_path, "port = 8001\n"))
        assert settings.port == 8001 and settings.uses_test_mailbox

    def test_a_data_folder_is_meant_from_the_site(self, tmp_path: Path) -> None:
        assert load(written(tmp_path, 'data_dir = "../data"\n')).data_dir == tmp_path.parent / "data"
        assert load(written(tmp_path, 'data_dir = "/srv/data"\n')).data_dir == Path("/srv/data")

    def test_a_mail_server_may_be_said_by_provider(self, tmp_path: Path) -> None:
        (tmp_path / "leadmagnet.toml").write_text('[smtp]\nprovider = "postmark"\nusername = "maya"\n')
        settings = load(tmp_path)
        assert settings.smtp is not None and settings.smtp.provider == "postmark"
        assert not settings.uses_test_mailbox

    def test_a_file_from_another_editor_reads(self, tmp_path: Path) -> None:
        (tmp_path / "leadmagnet.toml").write_bytes(b"\xef\xbb\xbfport = 8001\r\n")
        assert load(tmp_path).port == 8001

    def test_bounces_come_to_the_sender_until_a_domain_receives_them(self) -> None:
        assert Settings().bounce_domain is None
        assert Settings(bounce_domain="B.xn--Bcher-kva.example").bounce_domain == "b.xn--bcher-kva.example"

    @pytest.mark.parametrize(
        ("host", "url"),
        [("::1", "http://[::1]:8000"), ("localhost", "http://localhost:8000"), ("192.0.2.1", "http://192.0.2.1:8000")],
    )
    def test_the_pages_are_at_host_and_port_until_there_is_a_base_url(self, host: str, url: str) -> None:
        assert Settings(host=host).site_url == url


FILE_MISTAKES = {
    "prot = 1": "leadmagnet.toml:1: unknown setting 'prot'. Did you mean port?",
    "\n# a note\nbase_ulr = 'x'": "leadmagnet.toml:3: unknown setting 'base_ulr'. Did you mean base_url?",
    "[smpt]\nprovider = 'ses'": "leadmagnet.toml:1: unknown setting 'smpt'. Did you mean smtp?",
    "frobnicate = 1": "leadmagnet.toml:1: unknown setting 'frobnicate'.",
    "secret_keys = 'x'": "leadmagnet.toml:1: secret_keys must not stand in a file that belongs into git. "
    "Set LEADMAGNET_SECRET_KEYS instead.",
    "smtp_password = 'x'": "leadmagnet.toml:1: smtp_password must not stand",
    "suppression_key = 'x'": "leadmagnet.toml:1: suppression_key must not stand",
    "host = 'x'\nport = 'http'": "leadmagnet.toml:2: port: input should be a valid integer",
    "port = 65536": "leadmagnet.toml:1: port: input should be less than or equal to 65535.",
    "port = -1": "leadmagnet.toml:1: port: input should be greater than or equal to 0.",
    "signup_limits = 'of'": "leadmagnet.toml:1: signup_limits: input should be 'on' or 'off'.",
    "signups_per_network = 0": "leadmagnet.toml:1: signups_per_network: input should be greater than or equal to 1.",
    "signups_per_hour = 'many'": "leadmagnet.toml:1: signups_per_hour: input should be a valid integer",
    "worker_connections = 0": "leadmagnet.toml:1: worker_connections: input should be greater than or equal to 1.",
    "rate_per_second = 0": "leadmagnet.toml:1: rate_per_second: input should be greater than 0.",
    "rate_per_second = inf": "leadmagnet.toml:1: rate_per_second: input should be a finite number.",
    "daily_cap = 0": "leadmagnet.toml:1: daily_cap: input should be greater than or equal to 5.",
    "daily_cap = 4": "leadmagnet.toml:1: daily_cap: input should be greater than or equal to 5.",
    "daily_cap = 99.5": "leadmagnet.toml:1: daily_cap: input should be a valid integer",
    "warm_up = true": "leadmagnet.toml:1: warm_up: input should be 'on' or 'off'.",
    "worker_connections = 51": "leadmagnet.toml:1: worker_connections: input should be less than or equal to 50.",
    "trusted_proxies = '10.0.0.1/8'": "leadmagnet.toml:1: trusted_proxies: 10.0.0.1/8 has host bits set.",
    "trusted_proxies = ['proxy.example']": "leadmagnet.toml:1: trusted_proxies: 'proxy.example' does not appear to be",
    "host = 'x'\ntrusted_proxies = [1]": "leadmagnet.toml:2: trusted_proxies: input should be a valid string.",
    "base_url = 'mail.example.com'": "leadmagnet.toml:1: base_url: must look like https://mail.example.com,",
    "base_url = 'https://example.com/mail'": "leadmagnet.toml:1: base_url: must look like https://mail.example.com,",
    "base_url = 'https://me@mail.example.com'": "leadmagnet.toml:1: base_url: must look like",
    "base_url = 'https://mail.example.com/?a=1'": "leadmagnet.toml:1: base_url: must look like",
    "base_url = 'https://mail.example.com/#a'": "leadmagnet.toml:1: base_url: must look like",
    "base_url = 'https:// mail.example.com'": "leadmagnet.toml:1: base_url: must look like",
    "bounce_domain = 'bücher.example'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain alone, in ASCII",
    "bounce_domain = 'b@bounce.example.com'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain",
    "bounce_domain = 'bounce'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain",
    "bounce_domain = 'bounce.example.com.'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain",
    "bounce_domain = '192.0.2.1'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain",
    "bounce_domain = 'bounce.-example.com'": "leadmagnet.toml:1: bounce_domain: must be the name of a domain",
    "base_url = 'ftp://mail.example.com'": "leadmagnet.toml:1: base_url: must look like",
    "port = 8001\n[smtp]\nport = 'x'": "leadmagnet.toml:3: smtp.port: input should be a valid integer",
    "[smtp]\nusrname = 'x'": "leadmagnet.toml:2: smtp.usrname: unknown setting. Did you mean username?",
    "[smtp]\npassword = 'x'": "leadmagnet.toml:2: smtp.password: unknown setting.",
    "smtp = 'ses'": "leadmagnet.toml:1: smtp: input should be a valid dictionary",
    "port = ": "leadmagnet.toml does not read: Invalid value (at line 1, column 8).",
    "port = 1\nport = 2": "leadmagnet.toml does not read: Cannot overwrite a value (at line 2, column 9).",
}


@pytest.mark.parametrize(("text", "message"), FILE_MISTAKES.items())
def test_a_mistake_in_the_file_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError) as said:
        load(written(tmp_path, text))
    assert str(said.value).startswith(message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PROT", "1", "unknown environment variable LEADMAGNET_PROT. Did you mean LEADMAGNET_PORT?"),
        ("SMTP_PASWORD", "geheim", "unknown environment variable LEADMAGNET_SMTP_PASWORD. Did you mean LEADMAGNET_SMTP_PASSWORD?"),
        ("XYZZY", "1", "unknown environment variable LEADMAGNET_XYZZY."),
        ("PORT", "http", "LEADMAGNET_PORT: input should be a valid integer"),
        ("BASE_URL", "mail.example.com", "LEADMAGNET_BASE_URL: must look like https://mail.example.com,"),
        ("TRUSTED_PROXIES", "10.0.0.1/8", "LEADMAGNET_TRUSTED_PROXIES: 10.0.0.1/8 has host bits set."),
        ("LEASE_SECONDS", "0", "LEADMAGNET_LEASE_SECONDS: input should be greater than or equal to 1."),
        ("SMTP", "ses", "LEADMAGNET_SMTP: input should be a valid dictionary"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_environment_is_said_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(f"LEADMAGNET_{name}", value)
    with pytest.raises(SettingsError) as said:
        load(written(tmp_path, "port = 8001\n"))
    assert str(said.value).startswith(message)
    assert "geheim" not in str(said.value)


def test_a_folder_without_settings_is_told_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match="`leadmagnet init .*` makes a site there; `--site DIR` names another folder"
    ):
        load(tmp_path)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "leadmagnet.toml").write_bytes(b"name = '\xff'")
    with pytest.raises(SettingsError, match="leadmagnet.toml cannot be read"):
        load(tmp_path)
    (tmp_path / "leadmagnet.toml").unlink()
    (tmp_path / "leadmagnet.toml").mkdir()
    with pytest.raises(SettingsError, match="leadmagnet.toml cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("key", "after", "line"),
    [
        ("port", 0, 1),
        ("port", 1, 4),
        ("port", 4, 0),
        ("smtp", 0, 3),
        ("list", 0, 5),
        ("links", 0, 6),
        ("flow", 0, 7),
        ("host", 0, 0),
        ("por", 0, 0),
    ],
)
def test_a_line_is_found_by_its_key(key: str, after: int, line: int) -> None:
    text = "port = 1\n# host = 2\n[smtp]\n  port=3\n[[list]]\n[links.pages]\nflow = 4\n"
    assert line_of(key, text, after=after) == line


class TestSecrets:
    """Keys are made once on SQLite, demanded on PostgreSQL, and shown to nobody."""

    def test_secrets_are_made_once_and_for_the_owner_alone(self, tmp_path: Path) -> None:
        settings = load(written(tmp_path, ""))
        keys, secret = settings.keys(), settings.address_secret()
        assert len(secret) == 64 and secret != keys.by_number[keys.signing]
        assert (settings.keys(), settings.address_secret()) == (keys, secret)
        assert (load(tmp_path).keys(), load(tmp_path).address_secret()) == (keys, secret)
        for name in ("secret_keys", "suppression_key"):
            assert stat.S_IMODE((tmp_path / "var" / name).stat().st_mode) == 0o600
        assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["secret_keys", "suppression_key"]

    def test_processes_that_start_at_the_same_time_agree_on_one(self, tmp_path: Path) -> None:
        starts = multiprocessing.get_context("spawn")
        barrier = starts.Barrier(2)
        with starts.Pool(2, _remember, (barrier,)) as pool:
            first, second = pool.map(_race, [tmp_path] * 2, chunksize=1)
        assert len(set(first)) == _ROUNDS and first == second
        assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["secret_keys"] * _ROUNDS

    def test_the_environment_wins_and_leaves_no_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEADMAGNET_SECRET_KEYS", "new, old")
        monkeypatch.setenv("LEADMAGNET_SUPPRESSION_KEY", "for ever")
        settings = load(written(tmp_path, ""))
        keys = settings.keys()
        assert keys.by_number[keys.signing] == b"new" and set(keys.by_number.values()) == {b"new", b"old"}
        assert settings.address_secret() == b"for ever"
        assert not (tmp_path / "var").exists()

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
    def test_a_secret_that_others_can_read_is_refused(self, tmp_path: Path, mode: int) -> None:
        settings = load(written(tmp_path, ""))
        settings.keys()
        path = tmp_path / "var" / "secret_keys"
        path.chmod(mode)
        with pytest.raises(SettingsError, match=f"can be read by others. Mend it with: chmod 600 {path}"):
            settings.keys()

    def test_an_empty_secret_is_refused_rather_than_made_anew(self, tmp_path: Path) -> None:
        settings = load(written(tmp_path, ""))
        settings.keys()
        (tmp_path / "var" / "secret_keys").write_text("\n")
        with pytest.raises(SettingsError, match="is empty. Restore it from a backup"):
            settings.keys()

    @pytest.mark.parametrize("url", ["postgresql://db/leadmagnet", "postgres://db/leadmagnet"])
    def test_on_postgresql_they_must_be_given(self, tmp_path: Path, url: str) -> None:
        settings = load(written(tmp_path, f'database_url = "{url}"\n'))
        with pytest.raises(SettingsError, match="LEADMAGNET_SECRET_KEYS is not set. With PostgreSQL"):
            settings.keys()
        with pytest.raises(SettingsError, match="LEADMAGNET_SUPPRESSION_KEY is not set"):
            settings.address_secret()
        assert not (tmp_path / "var").exists()

    def test_keys_that_look_alike_are_refused(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LEADMAGNET_SECRET_KEYS", ",".join(f"key {number}" for number in range(257)))
        with pytest.raises(SettingsError, match="LEADMAGNET_SECRET_KEYS: two secret keys share a number"):
            load(written(tmp_path, "")).keys()

    def test_the_mail_servers_password_comes_from_the_environment_or_a_private_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written(tmp_path, "")
        assert load(tmp_path).server_password() is None
        path = tmp_path / "var" / "smtp_password"
        path.parent.mkdir()
        path.write_text("geheim\n")
        path.chmod(0o644)
        with pytest.raises(SettingsError, match="chmod 600"):
            load(tmp_path).server_password()
        path.chmod(0o600)
        assert load(tmp_path).server_password() == "geheim"
        monkeypatch.setenv("LEADMAGNET_SMTP_PASSWORD", "other")
        assert load(tmp_path).server_password() == "other"

    @pytest.mark.parametrize("selector", ["a b", "../key", "spring.2026/x", ""])
    def test_a_selector_is_one_dns_label(self, tmp_path: Path, selector: str) -> None:
        """It is part of a file's name as well."""
        with pytest.raises(SettingsError, match="dkim_selector"):
            load(written(tmp_path, f'dkim_selector = "{selector}"\n'))

    def test_the_key_that_signs_mail_is_kept_under_its_selector_and_never_replaced(self, tmp_path: Path) -> None:
        settings = load(written(tmp_path, 'dkim_selector = "spring"\n'))
        assert settings.dkim_key() is None
        assert settings.keep_dkim_key("first") is True
        assert settings.keep_dkim_key("second") is False
        path = tmp_path / "var" / "dkim" / "spring.pem"
        assert settings.dkim_key_path == path
        assert settings.dkim_key() == "first"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert [found.name for found in path.parent.iterdir()] == ["spring.pem"]
        path.chmod(0o640)
        with pytest.raises(SettingsError, match=f"can be read by others. Mend it with: chmod 600 {path}"):
            settings.dkim_key()

    def test_a_secret_that_is_no_text_or_no_file_is_said(self, tmp_path: Path) -> None:
        settings = Settings(data_dir=tmp_path)
        settings.dkim_key_path.parent.mkdir()
        settings.dkim_key_path.touch(mode=0o600)
        settings.dkim_key_path.write_bytes(b"\xff\xfe")
        with pytest.raises(SettingsError, match="leadmagnet.pem cannot be read: it is not text."):
            settings.dkim_key()
        settings.dkim_key_path.unlink()
        settings.dkim_key_path.mkdir(mode=0o700)
        with pytest.raises(SettingsError, match="leadmagnet.pem cannot be read: Is a directory."):
            settings.dkim_key()

    def test_no_secret_stands_in_what_is_printed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        shown = repr(Settings(secret_keys=("geheim1",), suppression_key="geheim2", smtp_password="geheim3"))
        assert "geheim" not in shown


_ROUNDS = 30
_shared: list[Barrier] = []


def _remember(barrier: Barrier) -> None:
    _shared.append(barrier)


def _race(folder: Path) -> list[bytes]:
    """The key that this process found, for each folder that both want at the same time."""
    found = []
    for number in range(_ROUNDS):
        settings = Settings(data_dir=folder / str(number))
        _shared[0].wait(timeout=60)
        found.append(settings.keys())
    return [secret for keys in found for secret in keys.by_number.values()]
