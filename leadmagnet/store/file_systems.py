"""Tells whether a file lies on a network file system, where SQLite's write-ahead log cannot be kept."""

import re
from pathlib import Path, PurePosixPath

from leadmagnet.errors import StoreError

#: Their locks or their shared memory do not reach other machines, or not always. Overlay file systems are local.
_NETWORK = re.compile(
    r"nfs\d?|cifs|smb\w*|ncpfs|afs|coda|ceph|glusterfs|lustre|gpfs|beegfs|orangefs|davfs\w*"
    r"|fuse\.(sshfs|glusterfs\w*|ceph\w*|s3fs|goofys|gcsfuse|rclone|davfs\w*|smbnetfs|cifs\w*|nfs\w*)"
)
_MOUNTS = Path("/proc/self/mountinfo")  # Linux; elsewhere nothing is checked


def require_local(file: Path) -> None:
    """Raises StoreError if the SQLite file lies, or would be made, on a network file system."""
    try:
        mounts = _MOUNTS.read_text(errors="replace")
    except OSError:
        return
    kind = kind_of(file.resolve(), mounts)
    if _NETWORK.fullmatch(kind):
        raise StoreError(
            f"the database {file} lies on a network file system ({kind}), on which SQLite loses data. Set "
            "LEADMAGNET_DATA_DIR to a local disk; for several machines set LEADMAGNET_DATABASE_URL to a PostgreSQL."
        )


def kind_of(file: Path, mounts: str) -> str:
    """The type of the file system that an absolute path is on, by the text of /proc/self/mountinfo (proc(5))."""
    depth, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = PurePosixPath(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two on the same point the later one covers the earlier.
        if file.is_relative_to(point) and len(point.parts) >= depth:
            depth, kind = len(point.parts), after.split(" ")[0]
    return kind
