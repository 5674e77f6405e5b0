"""PostgreSQL nodes as plain processes on loopback: a primary with two standbys, of which one at least has every commit.

Nothing of it is a service of the machine: the files lie in a folder of the test's, and each node ends with the script.
When root runs it, the nodes run as `nobody`, for PostgreSQL does not run as root."""

import glob
import os
import shutil
import signal
import subprocess

import namespaces
import peers

USER = "nobody" if os.geteuid() == 0 else None
SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
max_wal_senders = 8
max_replication_slots = 8
max_slot_wal_keep_size = 1GB
shared_buffers = 64MB
min_wal_size = 64MB
max_wal_size = 256MB
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
log_line_prefix = '%m [%p] '
"""


def find(program):
    """One of PostgreSQL's own programs, which Debian keeps out of the PATH."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{program}"), key=lambda path: int(path.split("/")[4]))
    return found[-1] if found else shutil.which(program)


def need():
    for program in ("postgres", "initdb", "pg_basebackup", "pg_ctl", "psql"):
        if find(program) is None:
            peers.skip(f"{program} is not installed")


def run(program, *arguments, good=True):
    done = subprocess.run([find(program), *arguments], user=USER, capture_output=True, text=True, check=False, timeout=60,
                          cwd="/")
    if good:
        peers.expect(done.returncode == 0, f"{program}: {done.stdout}{done.stderr}")
    return done


class Node:
    """One server: s1, s2 or s3, under which name it is a standby of the others."""

    def __init__(self, folder, name):
        self.name, self.port = name, peers.free_port()
        self.disk = os.path.join(folder, name)
        self.data, self.log = os.path.join(self.disk, "data"), os.path.join(folder, name + ".log")
        self.process = None
        os.mkdir(self.disk)
        if USER:
            shutil.chown(self.disk, USER)

    def start(self):
        def begin():
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen([find("postgres"), "-D", self.data, "-p", str(self.port)], user=USER,
                                                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")

        def answers():
            # What is left of one that was killed may hold its memory for a moment.
            if self.process.poll() is not None:
                begin()
            return self.ask("select 1", good=False) == "1"

        begin()
        peers.until(answers, f"the start of {self.name}, {self.log}", 60)

    def ask(self, sql, good=True, database="postgres"):
        """The answer, one row a line, columns between `|`; None when there is none."""
        url = f"postgresql://postgres@127.0.0.1:{self.port}/{database}?connect_timeout=5"
        done = run("psql", "-XqAtv", "ON_ERROR_STOP=1", "-d", url, "-c", sql, good=good)
        return done.stdout.strip() if done.returncode == 0 else None

    def follow(self, primary):
        """Makes the files of a standby, or of one that was a standby of another, and starts it."""
        primary.ask(f"select pg_create_physical_replication_slot('{self.name}') where not exists"
                    f"(select 1 from pg_replication_slots where slot_name = '{self.name}')")
        if not os.path.exists(self.data):
            run("pg_basebackup", "-R", "-X", "stream", "-c", "fast", "--no-sync", "-D", self.data, "-d",
                f"host=127.0.0.1 port={primary.port} user=postgres application_name={self.name}", "-S", self.name)
        else:
            where = (f"primary_conninfo = 'host=127.0.0.1 port={primary.port} user=postgres "
                     f"application_name={self.name}'\nprimary_slot_name = '{self.name}'\n")
            with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
                file.write(where)
        if self.process is not None and self.process.poll() is None:
            self.ask("select pg_reload_conf()")
        else:
            self.start()

    def signal(self, number):
        self.process.send_signal(number)

    def freeze(self, frozen):
        """The whole server: each of its processes."""
        for pid in [self.process.pid, *children_of(self.process.pid)]:
            try:
                os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)
            except ProcessLookupError:
                pass

    def kill(self):
        if self.process is None:
            return
        left = children_of(self.process.pid)
        for pid in [self.process.pid, *left]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()

    def received(self):
        """How much of the log it has, as a number."""
        return float(self.ask("select pg_wal_lsn_diff(coalesce(pg_last_wal_receive_lsn(), '0/0'), '0/0')"))


def children_of(parent):
    with open(f"/proc/{parent}/task/{parent}/children", encoding="ascii") as file:
        return [int(pid) for pid in file.read().split()]


class Cluster:
    """s1 is the primary at first, s2 and s3 are standbys; a commit waits for one of them, where there are any."""

    def __init__(self, folder, standbys=2, disk=None):
        """`disk`: the MiB that the primary's has; otherwise it is the folder's."""
        self.folder = folder
        if USER:
            shutil.chown(folder, USER)
            os.chmod(folder, 0o755)
        self.nodes = [Node(folder, f"s{n}") for n in range(1, 2 + standbys)]
        self.primary = self.nodes[0]
        self.mounted = None
        if disk is not None:
            self.mounted = self.primary.disk
            namespaces.mount_memory(self.primary.disk, disk, USER)

    def __enter__(self):
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            if node.process is not None and node.process.poll() is None:
                node.freeze(False)
            node.kill()
        if self.mounted:
            namespaces.unmount(self.mounted)

    def _make(self):
        first = self.primary
        run("initdb", "--no-sync", "-D", first.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale", "C")
        with open(os.path.join(first.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(SETTINGS)
        first.start()
        first.ask("create role finpost login")
        first.ask("create database finpost owner finpost")
        for node in self.nodes[1:]:
            node.follow(first)
        if self.standbys():
            self.wait_for_standbys()

    def url(self, user="finpost"):
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://{user}@{hosts}/finpost"

    def standbys(self):
        return [node for node in self.nodes if node is not self.primary]

    def wait_for_standbys(self, number=1):
        """A quorum is named, and there."""
        names = ", ".join(node.name for node in self.standbys())
        self.primary.ask(f"alter system set synchronous_standby_names = 'ANY 1 ({names})'")
        self.primary.ask("select pg_reload_conf()")
        peers.until(lambda: int(self.primary.ask("select count(*) from pg_stat_replication where sync_state = 'quorum' "
                                                 "and state = 'streaming'")) >= number, "the standbys", 60)

    def promote(self):
        """The standby that has more becomes the primary, the other one follows it. Nothing is asked of the old one."""
        left = self.standbys()
        new = max(left, key=Node.received)
        run("pg_ctl", "promote", "-w", "-D", new.data)
        self.primary = new
        for node in left:
            if node is not new:
                node.follow(new)
        self.wait_for_standbys()

    @staticmethod
    def drop(old):
        """It may have more than the new primary: it begins anew."""
        shutil.rmtree(old.data)

    def heal(self):
        """Each node is there again, and is a standby or the primary."""
        for node in self.nodes:
            if node.process.poll() is None:
                continue
            if node is self.primary:
                node.start()
            else:
                node.follow(self.primary) if not os.path.exists(node.data) else node.start()
        self.wait_for_standbys(2)
