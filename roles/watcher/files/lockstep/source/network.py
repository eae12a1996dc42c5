"""Which file systems are mounts of another host's, on which changes made elsewhere give no event."""

from __future__ import annotations

# As mountinfo names them; those of FUSE come with their helper's name. Cluster file systems are among them, and what a
# virtual machine shares with its host.
NETWORK_FILESYSTEMS = frozenset(
    """
    nfs nfs4 cifs smb3 smbfs 9p ceph afs coda ncpfs lustre gpfs ocfs2 gfs2 beegfs orangefs pvfs2 panfs davfs acfs
    virtiofs vboxsf vmhgfs
    fuse.sshfs fuse.glusterfs fuse.s3fs fuse.ceph fuse.ceph-fuse fuse.cephfs fuse.rclone fuse.davfs2 fuse.curlftpfs
    fuse.gcsfuse fuse.goofys fuse.mount-s3 fuse.juicefs fuse.JuiceFS fuse.afs fuse.blobfuse fuse.blobfuse2 fuse.moosefs
    fuse.mfs fuse.seaweedfs fuse.weed fuse.lizardfs fuse.smbnetfs fuse.vmhgfs-fuse fuse.gvfsd-fuse fuse.beegfs
    fuse.quobyte
    """.split()
)


def is_network(fstype: str) -> bool:
    """Whether `fstype`, as in mountinfo, is one on which another host can change files unheard."""
    return fstype in NETWORK_FILESYSTEMS
