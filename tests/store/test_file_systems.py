"""SQLite on a network file system is refused; whatever is local, or looks odd and is local, is not."""

from pathlib import Path

import pytest

from leadmagnet.errors import StoreError
from leadmagnet.store import file_systems
from leadmagnet.store.file_systems import require_local

ROOT = "27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def mount(*lines: str) -> None:
        mounts = tmp_path / "mountinfo"
        mounts.write_text(ROOT + "\n".join(lines) + "\n")
        monkeypatch.setattr(file_systems, "_MOUNTS", mounts)

    return mount


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "glusterfs", "ceph", "fuse.s3fs"])
def test_a_network_file_system_is_refused_with_what_to_do(mounted, kind: str) -> None:
    mounted(f"40 27 0:35 / /srv rw - {kind} server:/export rw")
    with pytest.raises(StoreError, match=rf"network file system \({kind}\).*LEADMAGNET_DATA_DIR"):
        require_local(Path("/srv/site/var/leadmagnet.db"))
    require_local(Path("/srv2/site/var/leadmagnet.db"))
    require_local(Path("/home/site/var/leadmagnet.db"))


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "fuse.mergerfs", "apfs", "9p", ""])
def test_a_local_file_system_is_not(mounted, kind: str) -> None:
    mounted(f"40 27 0:35 / /srv rw - {kind} /dev/vdb rw")
    require_local(Path("/srv/leadmagnet.db"))


def test_what_is_mounted_last_and_deepest_counts(mounted) -> None:
    mounted(
        "40 27 0:35 / /srv rw - nfs4 server:/export rw",
        "41 40 0:36 / /srv/with\\040space rw - ext4 /dev/vdb rw",
        "42 27 0:37 / /data rw - nfs4 server:/data rw",
        "43 27 0:38 / /data rw - ext4 /dev/vdc rw",
    )
    require_local(Path("/srv/with space/leadmagnet.db"))
    require_local(Path("/data/leadmagnet.db"))
    with pytest.raises(StoreError):
        require_local(Path("/srv/without/leadmagnet.db"))


def test_where_nothing_tells_nothing_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_systems, "_MOUNTS", tmp_path / "none")
    require_local(tmp_path / "leadmagnet.db")
