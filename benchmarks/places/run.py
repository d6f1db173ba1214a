"""Drivers of buckets, SFTP and FTP: start-up, a listing of 10,000 names, a file of 200 MB streamed.

Ours are obstore, paramiko and ftplib; beside them what fsspec offers (s3fs, sftp by paramiko or asyncssh, ftp). Each
is measured in a process of its own, in CPU seconds of the client. The servers are moto, OpenSSH and pyftpdlib.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".bench" / "places"
PEERS = ["fsspec", "s3fs", "sshfs", "paramiko", "obstore"]
NAMES, SIZE = 10_000, 200_000_000

#: Each defines ``names()`` (how many there are) and ``size()`` (bytes read), from what is in ``at``.
CLIENTS = {
    "s3  obstore": """
import obstore
from obstore.store import S3Store
store = S3Store("lake", config={"access_key_id": "k", "secret_access_key": "s", "region": "us-east-1",
    "endpoint": at["s3"], "virtual_hosted_style_request": False}, client_options={"allow_http": True})
def names(): return sum(len(page) for page in obstore.list(store, prefix="many/", chunk_size=1000))
def size(): return sum(len(piece) for piece in obstore.get(store, "large").stream(min_chunk_size=4 << 20))
""",
    "s3  fsspec (s3fs)": """
import s3fs
fs = s3fs.S3FileSystem(key="k", secret="s", client_kwargs={"endpoint_url": at["s3"], "region_name": "us-east-1"})
def names(): return len(fs.find("lake/many", detail=True))
def size():
    with fs.open("lake/large", block_size=4 << 20) as stream:
        return sum(len(piece) for piece in iter(lambda: stream.read(4 << 20), b""))
""",
    "sftp paramiko": """
import paramiko
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect("127.0.0.1", at["port"], username=at["user"], key_filename=at["key"], allow_agent=False)
sftp = paramiko.SFTPClient.from_transport(client.get_transport(), window_size=1 << 30)
def names(): return len(list(sftp.listdir_iter(at["folder"] + "/many")))
def size():
    with sftp.open(at["folder"] + "/large", "rb", bufsize=0) as stream:
        stream.prefetch(stream.stat().st_size, max_concurrent_requests=64)
        return sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
""",
    "sftp fsspec (paramiko)": """
from fsspec.implementations.sftp import SFTPFileSystem
fs = SFTPFileSystem("127.0.0.1", port=at["port"], username=at["user"], key_filename=at["key"], allow_agent=False)
def names(): return len(fs.ls(at["folder"] + "/many", detail=True))
def size():
    with fs.open(at["folder"] + "/large", "rb") as stream:
        return sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
""",
    "sftp fsspec (sshfs)": """
from sshfs import SSHFileSystem
fs = SSHFileSystem("127.0.0.1", port=at["port"], username=at["user"], client_keys=[at["key"]], known_hosts=None)
def names(): return len(fs.ls(at["folder"] + "/many", detail=True))
def size():
    with fs.open(at["folder"] + "/large", "rb") as stream:
        return sum(len(piece) for piece in iter(lambda: stream.read(1 << 20), b""))
""",
    "ftp ftplib": """
import ftplib
ftp = ftplib.FTP()
ftp.connect("127.0.0.1", at["ftp"]); ftp.login("ann", "secret word")
def names(): return len(list(ftp.mlsd("many")))
def size():
    ftp.voidcmd("TYPE I")
    with ftp.transfercmd("RETR large") as stream:
        found = sum(len(piece) for piece in iter(lambda: stream.recv(1 << 20), b""))
    ftp.voidresp()
    return found
""",
    "ftp fsspec": """
from fsspec.implementations.ftp import FTPFileSystem
fs = FTPFileSystem("127.0.0.1", port=at["ftp"], username="ann", password="secret word")
def names(): return len(fs.ls("/many", detail=True))
def size():
    with fs.open("/large", "rb", block_size=4 << 20) as stream:
        return sum(len(piece) for piece in iter(lambda: stream.read(4 << 20), b""))
""",
}
MEASURE = """
import json, resource, sys, time
at = json.loads(sys.argv[1])
def used():
    told = resource.getrusage(resource.RUSAGE_SELF)
    return told.ru_utime + told.ru_stime
began = used()
exec(sys.argv[2])
found = {"start": used() - began}
for name, wanted in (("names", at["names"]), ("size", at["size"])):
    before, clock = used(), time.perf_counter()
    assert globals()[name]() == wanted
    found[name], found[name + " wall"] = used() - before, time.perf_counter() - clock
print(json.dumps(found), flush=True)
import os; os._exit(0)
"""


def main() -> None:
    """Print a line for each driver."""
    sys.path.insert(0, str(ROOT / "tests"))
    import logging

    import boto3
    from moto.server import ThreadedMotoServer

    from fixtures.file_servers import ftp_server, ssh_server

    logging.disable(logging.WARNING)
    if not (VENV / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
        subprocess.run([str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", *PEERS], check=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        data = folder / "data"
        (data / "many").mkdir(parents=True)
        for i in range(NAMES):
            (data / "many" / f"{i:06}.csv").write_text("1")
        with (data / "large").open("wb") as out:
            for _ in range(SIZE // 1_000_000):
                out.write(os.urandom(1_000_000))
        moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        moto.start()
        stack.callback(moto.stop)
        address = "http://{}:{}".format(*moto.get_host_and_port())
        client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
        )
        client.create_bucket(Bucket="lake")
        client.put_object(Bucket="lake", Key="large", Body=(data / "large").read_bytes())
        from moto.backends import get_backend

        (backend,) = (each["global"] for each in get_backend("s3").values() if "lake" in each["global"].buckets)
        for i in range(NAMES):
            backend.put_object("lake", f"many/{i:06}.csv", b"1")
        ssh = stack.enter_context(ssh_server(folder))
        ftp = stack.enter_context(ftp_server(data))
        at = {"s3": address, "port": ssh.port, "user": ssh.user, "key": str(ssh.key), "folder": str(data), "ftp": ftp,
              "names": NAMES, "size": SIZE}  # fmt: skip
        print(f"{'':24} {'start':>7} {'10,000 names':>13} {'200 MB':>8}   (CPU s)")
        for name, code in CLIENTS.items():
            done = subprocess.run(
                [str(VENV / "bin" / "python"), "-c", MEASURE, json.dumps(at), code], capture_output=True, text=True
            )
            if done.returncode:
                print(f"{name:24} failed: {done.stderr.strip().splitlines()[-1]}")
                continue
            told = json.loads(done.stdout)
            print(
                f"{name:24} {told['start']:7.2f} {told['names']:13.2f} {told['size']:8.2f}"
                f"   (wall {told['names wall']:.1f}, {told['size wall']:.1f})"
            )


if __name__ == "__main__":
    main()
