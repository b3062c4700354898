# SPDX-License-Identifier: Apache-2.0
"""The original's turn in config.py: times are processor milliseconds of this thread.

As a program (FUNCTION COUNT FILE) it calls one of its functions and prints the result.
"""

import shutil
import subprocess
import sys
import time

try:
    from oslo_config import cfg
except ImportError:
    cfg = None

GROUP_SIZE = 100


def _options(count):
    kinds = (
        lambda name: cfg.StrOpt(name, default="nothing", help="A text.", mutable=True),
        lambda name: cfg.IntOpt(name, default=1, help="A number.", min=0, max=1000000, mutable=True),
        lambda name: cfg.BoolOpt(name, default=False, help="Yes or no.", mutable=True),
        lambda name: cfg.FloatOpt(name, default=1.5, help="A ratio.", min=0.0, mutable=True),
        lambda name: cfg.ListOpt(name, help="Some texts.", mutable=True),
    )
    for i in range(count):
        yield f"group_{i // GROUP_SIZE}", kinds[i % len(kinds)](f"option_{i}")


def _milliseconds(call):
    begin = time.thread_time()
    call()
    return (time.thread_time() - begin) * 1e3


def first(function, count, path):
    """What one of the functions below returns in a process that has done nothing before."""
    command = [sys.executable, __file__, function.__name__, str(count), path]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return float(subprocess.run(command, check=True, capture_output=True, env=environment).stdout)


def parse(_count, path):
    """The grammar alone: no option is known."""
    parser = cfg.ConfigParser(path, {})
    return _milliseconds(parser.parse)


def call(count, path):
    """Reading a file as a program does that has registered its options."""
    conf = cfg.ConfigOpts()
    for group, option in _options(count):
        conf.register_opt(option, group=group)
    arguments = ["--config-file", path]
    return _milliseconds(lambda: conf(arguments, project="bench", default_config_dirs=[]))


def register_and_load(count, path):
    """What our loading does, but that values are parsed when they are first read."""
    options = list(_options(count))
    conf = cfg.ConfigOpts()

    def run():
        for group, option in options:
            conf.register_opt(option, group=group)
        conf(["--config-file", path], project="bench", default_config_dirs=[])

    return _milliseconds(run)


class Mutating:
    """A file that is one and then the other."""

    def __init__(self, count, one, other):
        self.files = [one, other]
        self.path = one + ".oslo"
        shutil.copy(one, self.path)
        self.conf = cfg.ConfigOpts()
        for group, option in _options(count):
            self.conf.register_opt(option, group=group)
        self.conf(["--config-file", self.path], project="bench", default_config_dirs=[])

    def mutate(self):
        self.files.reverse()
        shutil.copy(self.files[0], self.path)
        return _milliseconds(self.conf.mutate_config_files)

    def attribute(self):
        """Nanoseconds of one read by attributes."""
        count = 20000
        conf = self.conf

        def read():
            for _ in range(count):
                conf.group_0.option_1

        return _milliseconds(read) * 1e6 / count


if __name__ == "__main__":
    print({"parse": parse, "call": call, "register_and_load": register_and_load}[sys.argv[1]](int(sys.argv[2]), sys.argv[3]))
