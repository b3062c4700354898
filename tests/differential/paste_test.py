# SPDX-License-Identifier: Apache-2.0
"""What a paste-deploy file makes is what paste.deploy makes of it, or both refuse it.

Files in paste/ have the shapes of those that OpenStack services ship; CASES below are the
corners. Every factory that the files name is a stub that says how it was called.
"""

import json
import logging
import os
import random
import re
import subprocess
import sys
import tempfile
import types
import unittest

sys.path.append("/usr/lib/python3/dist-packages")

from paste.deploy import loadwsgi  # noqa: E402

DESCRIBE = "tests/differential/paste_describe"
FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "paste")

APP = "[app:a]\npaste.app_factory = t:app\n"
FILTERS = "[filter:f]\npaste.filter_factory = t:filter\n[filter:g]\npaste.filter_app_factory = t:filter_app\n"

# {name: text of the application `main`}; `two.ini` beside it is TWO.
TWO = ("[DEFAULT]\nx = two\ny = %(x)s!\n[app:main]\npaste.app_factory = t:app\nhome = %(here)s\nself = %(__file__)s\n"
       "v = %(y)s\n[filter:f]\nuse = egg:T#filter\nz = %(x)s\n[composite:c]\nuse = egg:t#composite\n/ = main\n")
CASES = {
    # The grammar.
    "colons": "[app:main]\npaste.app_factory: t:app\na:b=c\nd=e:f\n g = h\n",
    "continued": "[app:main]\nuse = egg:T#app\nx = 1\n\n  2\n# no\n   ; no\n\t3 # yes\n\n\ny = 4\n",
    "indented": "  [app:main]\n  paste.app_factory = t:app\n    more\n",
    "indented_options": "[app:main]\n   use = egg:T#app\n   x = 1\n     2\n  y = 3\n",
    "crlf": "[app:main]\r\nuse = egg:T#app\r\nx = 1\r\n  2\r\n",
    "cr": "[app:main]\ruse = egg:T#app\rx = 1\r",
    "odd_header": "[app:main] # main\nuse = egg:T#app\n[app:]]\n",
    "blank_in_header": "[app: main ]\nuse = egg:T#app\n",
    "blank_before_header": "[ app:main]\nuse = egg:T#app\n",
    "case": "[APP:main]\nuse = egg:T#app\n",
    "case_of_keys": "[app:main]\nuse = egg:T#app\nX = 1\nx = 2\nUse = 3\n",
    "unicode": "[app:main]\nuse = egg:T#app\n\u00fc = \u00e4\u2003\n\u2003\u2003 \u00f6\n\u00a0\n\u3000= 1\n",
    "no_header": "use = egg:T#app\n[app:main]\n",
    "no_separator": "[app:main]\nuse egg\n",
    "no_name": "[app:main]\nuse = egg:T#app\n = 1\n",
    "section_twice": "[app:main]\nuse = egg:T#app\n[app:main]\n",
    "option_twice": "[app:main]\nuse = egg:T#app\nx = 1\nx = 2\n",
    "defaults_twice": "[DEFAULT]\nx = 1\n[app:main]\nuse = egg:T#app\n[DEFAULT]\ny = 2\n",
    "default_twice": "[DEFAULT]\nx = 1\n[app:main]\nuse = egg:T#app\n[DEFAULT]\nx = 2\n",
    "empty_value": "[app:main]\nuse = egg:T#app\nx =\ny:\n",
    "lower_default": "[default]\nx = 1\n[app:main]\nuse = egg:T#app\n",
    # Interpolation.
    "interpolation": "[DEFAULT]\na = 1\nb = %(a)s2\n[app:main]\nuse = egg:T#app\nc = %(b)s3 100%%\nd = %(c)s %(here)s\n",
    "interpolation_of_own": "[DEFAULT]\na = 1\nb = %(a)s\n[app:main]\nuse = egg:T#app\na = 2\nc = %(b)s\n",
    "interpolation_of_defaults_by_sections": "[DEFAULT]\nb = %(a)s\n[app:main]\nuse = egg:T#app\na = 2\n",
    "interpolation_of_use": "[DEFAULT]\ne = app\n[app:main]\nuse = egg:T#%(e)s\n",
    "percent": "[app:main]\nuse = egg:T#app\nx = 5%\n",
    "percent_d": "[app:main]\nuse = egg:T#app\nx = %(y)d\ny = 1\n",
    "percent_open": "[app:main]\nuse = egg:T#app\nx = %(y\ny = 1\n",
    "percent_empty": "[app:main]\nuse = egg:T#app\nx = %()s\n",
    "percent_missing": "[app:main]\nuse = egg:T#app\nx = %(y)s\n",
    "percent_elsewhere": "[app:main]\nuse = egg:T#app\n[app:other]\nx = %(y)s\n",
    "percent_loop": "[app:main]\nuse = egg:T#app\nx = %(y)s\ny = %(x)s\n",
    "here_redefined": "[DEFAULT]\nhere = /there\n[app:main]\nuse = egg:T#app\nx = %(here)s\n",
    # Globals.
    "set": "[DEFAULT]\nx = 1\n[app:main]\nset x = 2\nset  y  = 3\nx = 4\nuse = egg:T#app\n",
    "set_used": "[app:main]\nuse = a\nset x = 1\n" + APP + "set x = 2\nset y = 2\n",
    "set_in_defaults": "[DEFAULT]\nset x = 1\n[app:main]\nuse = egg:T#app\n",
    "get": "[DEFAULT]\nx = 1\n[app:main]\nuse = egg:T#app\nget y = x\nget z = here\n",
    "get_of_set": "[app:main]\nuse = egg:T#app\nget y = x\nset x = 7\n",
    "get_missing": "[app:main]\nuse = egg:T#app\nget y = x\n",
    "set_with_tab": "[app:main]\nuse = egg:T#app\nset\tx = 1\n",
    # What names a factory.
    "explicit": "[app:main]\npaste.app_factory = t : app\n",
    "explicit_extras": "[app:main]\npaste.app_factory = t:app [x, y]\n",
    "explicit_twice": "[app:main]\npaste.app_factory = t:app\npaste.composite_factory = t:composite\n",
    "explicit_filters": "[pipeline:main]\npipeline = f a\n[filter:f]\npaste.filter_factory = t:filter\n"
                        "paste.filter_app_factory = t:filter_app\n" + APP,
    "explicit_beside_use": "[app:main]\nuse = egg:T#app\npaste.app_factory = t:app\n",
    "explicit_none": "[app:main]\nx = 1\n",
    "explicit_composite_in_app": "[app:main]\npaste.composit_factory = t:composite\n/ = a\n" + APP,
    "explicit_app_in_composite": "[composite:main]\npaste.app_factory = t:app\n/ = a\n",
    "call": "[app:main]\nuse = call:t:app\nx = 1\n",
    "call_composite": "[composit:main]\nuse = call:t:composite\n/ = a\n" + APP,
    "call_used": "[app:main]\nuse = b\nx = 1\n[app:b]\nuse = call:t:app\nx = 2\ny = 2\n",
    "call_without_object": "[app:main]\nuse = call:t\n",
    "egg_main": "[app:main]\nuse = egg:T\n",
    "egg_spelled": "[app:main]\nuse = EGG:t#app\n",
    "egg_composite": "[app:main]\nuse = egg:T#composite\n/ = a\n" + APP,
    "egg_missing": "[app:main]\nuse = egg:T#none\n",
    "egg_of_other_kind": "[app:main]\nuse = egg:T#filter\n",
    "egg_in_pipeline": "[pipeline:main]\npipeline = egg:T#filter egg:T#app\n",
    "require": "[app:main]\nrequire = T t\nuse = egg:T#app\n",
    "require_missing": "[app:main]\nrequire = T nothing-of-the-kind\nuse = egg:T#app\n",
    "scheme": "[app:main]\nuse = ftp:T\n",
    "name_with_colon": "[app:main]\nuse = b:c\n[app:b:c]\nuse = egg:T#app\n",
    "name_with_colon_and_digit": "[app:main]\nuse = b1:c\n[app:b1:c]\nuse = egg:T#app\n",
    # Sections.
    "missing": "[app:other]\nuse = egg:T#app\n",
    "application": "[application:main]\nuse = egg:T#app\n",
    "app_before_application": "[application:main]\nuse = egg:T\n[app:main]\nuse = egg:T#app\n",
    "app_and_pipeline": "[app:main]\nuse = egg:T#app\n[pipeline:main]\npipeline = a\n" + APP,
    "two_spellings_of_a_name": "[app:main]\nuse = egg:T#app\n[app: main]\nuse = egg:T\n",
    "use_overrides": "[app:main]\nuse = b\nx = 1\ny = 1\n[app:b]\nuse = c\ny = 2\nz = 2\n[app:c]\nuse = egg:T#app\n"
                     "z = 3\nw = 3\n",
    "use_of_pipeline": "[app:main]\nuse = p\nset s = 1\n[pipeline:p]\npipeline = f a\n" + FILTERS + APP,
    "use_of_pipeline_with_settings": "[app:main]\nuse = p\nx = 1\n[pipeline:p]\npipeline = f a\n" + FILTERS + APP,
    "use_of_filtered": "[app:main]\nuse = b\nx = 1\nset s = 1\n[app:b]\npaste.app_factory = t:app\nfilter-with = f\n"
                       + FILTERS,
    "use_of_use_filtered": "[app:main]\nuse = b\nx = 1\n[app:b]\nuse = egg:T#app\ny = 1\nfilter-with = f\n" + FILTERS,
    "pipeline": "[pipeline:main]\npipeline = f g\n f a\n" + FILTERS + APP,
    "pipeline_of_one": "[pipeline:main]\npipeline = a\n" + APP,
    "pipeline_in_pipeline": "[pipeline:main]\npipeline = f p\n[pipeline:p]\npipeline = g a\n" + FILTERS + APP,
    "pipeline_empty": "[pipeline:main]\npipeline =\n",
    "pipeline_missing": "[pipeline:main]\nset x = 1\n",
    "pipeline_extra": "[pipeline:main]\npipeline = a\nx = 1\n" + APP,
    "pipeline_set": "[pipeline:main]\npipeline = f a\nset x = 1\n" + FILTERS + APP,
    "pipeline_of_app_first": "[pipeline:main]\npipeline = a a\n" + APP,
    "pipeline_ends_with_filter": "[pipeline:main]\npipeline = f g\n" + FILTERS,
    "filter_app": "[filter-app:main]\nuse = f\nnext = a\nx = 1\n" + FILTERS + APP,
    "filter_app_explicit": "[filter-app:main]\npaste.filter_factory = t:filter\nnext = a\nset s = 1\n" + APP,
    "filter_app_without_next": "[filter-app:main]\nuse = f\n" + FILTERS,
    "filter_app_of_pipeline": "[filter-app:main]\nuse = f\nnext = p\n[pipeline:p]\npipeline = g a\n" + FILTERS + APP,
    "filter_app_in_pipeline": "[pipeline:main]\npipeline = g fa\n[filter-app:fa]\nuse = f\nnext = a\n" + FILTERS + APP,
    "filter_with": "[app:main]\nuse = a\nfilter-with = f\nx = 1\n" + FILTERS + APP,
    "filter_with_in_filter": "[pipeline:main]\npipeline = h a\n[filter:h]\nuse = f\nfilter-with = g\ny = 1\n"
                             + FILTERS + APP,
    "filter_with_chain": "[app:main]\nuse = egg:T#app\nfilter-with = h\n[filter:h]\nuse = f\nfilter-with = i\n"
                         "[filter:i]\nuse = egg:T#filter\nfilter-with = g\n" + FILTERS,
    "filter_with_missing": "[app:main]\nuse = egg:T#app\nfilter-with = nothing\n",
    "filter_with_set": "[app:main]\nuse = egg:T#app\nfilter-with = f\nset s = 1\n" + FILTERS,
    "composite": "[composite:main]\nuse = egg:T#composite\n/ = a\n/b = f g a\nset s = 1\nx = y\n" + FILTERS + APP,
    "composite_missing": "[composite:main]\nuse = egg:T#composite\n/ = nothing\n",
    # Several files.
    "config": "[DEFAULT]\nx = one\n[app:main]\nuse = config:two.ini\nv2 = 1\n",
    "config_name": "[app:main]\nuse = config:two.ini#c\n",
    "config_name_of_mine": "[app:main]\nuse = config:two.ini#c\n/a = a\n" + APP,
    "config_in_pipeline": "[pipeline:main]\npipeline = config:two.ini#f config:two.ini\n",
    "config_in_composite": "[composite:main]\nuse = egg:T#composite\n/ = config:two.ini\n/c = config:two.ini#c\n",
    "config_encoded": "[app:main]\nuse = config:t%%77o.ini\n",
    "config_backslash": "[app:main]\nuse = config:.\\two.ini\n",
    "config_missing": "[app:main]\nuse = config:three.ini\n",
    "config_set": "[app:main]\nset q = 1\nset x = 1\nuse = config:two.ini\n",
    # Circles.
    "use_itself": "[app:main]\nuse = main\n",
    "use_in_circle": "[app:main]\nuse = b\n[app:b]\nuse = main\n",
    "filter_with_itself": "[app:main]\nuse = egg:T#app\nfilter-with = h\n[filter:h]\nuse = f\nfilter-with = h\n" + FILTERS,
    "composite_of_itself": "[composite:main]\nuse = egg:T#composite\n/ = main\n",
}

# For files at random: sections, and what may stand in them.
OPTIONS = {
    "app": ["use = b", "use = c", "use = p", "use = egg:T#app", "use = call:t:app", "use = config:two.ini",
            "paste.app_factory = t:app", "filter-with = f", "filter-with = g", "use = egg:T#composite"],
    "composite": ["use = egg:T#composite", "use = b", "paste.composite_factory = t:composite", "/ = b", "/c = f c",
                  "/d = config:two.ini#c", "filter-with = f"],
    "pipeline": ["pipeline = f b", "pipeline = f g c", "pipeline = p", "pipeline = g config:two.ini", "pipeline = b"],
    "filter-app": ["use = egg:T#filter", "use = f", "next = b", "next = p", "next = c",
                   "paste.filter_app_factory = t:filter_app"],
    "filter": ["use = g", "use = egg:T#filter_app", "use = config:two.ini#f", "paste.filter_factory = t:filter",
               "use = call:t:filter", "filter-with = h"],
}
ANYWHERE = ["x = 1", "y = %(x)s", "set x = 2", "set z = %(y)s", "get v = x", "x: a\n\n  b", "y = %(here)s", "z = %(w)s",
            "# no\nw = 3", "set y = %(z)s"]


def random_file(source):
    text = ""
    if source.random() < 0.7:
        text += "[DEFAULT]\n" + "\n".join(source.sample(ANYWHERE, 2)) + "\n"
    for name, kinds in {"main": list(OPTIONS)[:4], "b": list(OPTIONS)[:4], "c": ["app"], "p": ["pipeline"],
                        "f": ["filter"], "g": ["filter"], "h": ["filter"]}.items():
        kind = source.choice(kinds)
        options = source.sample(OPTIONS[kind], source.choice([1, 1, 2, 2, 3]))
        # Most of what is drawn is well-formed.
        if kind in ["app", "filter"]:
            options[0] = source.choice(OPTIONS[kind][2:6])
        elif kind == "composite":
            options[0] = "use = egg:T#composite"
        elif kind == "filter-app":
            options += ["next = c", "use = g"]
        seen = {}
        for option in options + source.sample(ANYWHERE, 0 if kind == "pipeline" else source.choice([0, 1, 2])):
            seen[option.lstrip("# no\n").split("=")[0].split(":")[0].strip()] = option
        text += f"[{kind}:{name}]\n" + "\n".join(seen.values()) + "\n"
    return text


# Each kind of stub under a name that says it.
TABLE = ([("app", "t:app"), ("composite", "t:composite"), ("filter", "t:filter"), ("filter_app", "t:filter_app")]
         + [("app", "egg:T#main")]
         + [(kind, f"egg:T#{kind}") for kind in ["app", "composite", "filter", "filter_app"]]
         + [("composite", "egg:Paste#urlmap")])


def pairs(settings):
    return [list(pair) for pair in settings.items()]


def described(kind, name, global_conf, local_conf, **more):
    return {"kind": kind, "name": name, "globals": pairs(global_conf), "locals": pairs(local_conf), **more}


def stub(kind, name):
    """A factory that is called as paste.deploy calls those of its kind."""
    def app(global_conf, **local_conf):
        return described(kind, name, global_conf, local_conf)

    def composite(loader, global_conf, **local_conf):
        children = []
        for key, value in local_conf.items():
            if key.startswith(("/", "auth_")):
                *filters, last = value.split()
                child = loader.get_app(last, global_conf=global_conf)
                for filter_name in reversed(filters):
                    child = loader.get_filter(filter_name, global_conf=global_conf)(child)
                children.append([key, child])
        return described(kind, name, global_conf, local_conf, children=children)

    def filter_(global_conf, **local_conf):
        return lambda next_app: described(kind, name, global_conf, local_conf, next=next_app)

    def filter_app(next_app, global_conf, **local_conf):
        return described(kind, name, global_conf, local_conf, next=next_app)

    return {"app": app, "composite": composite, "filter": filter_, "filter_app": filter_app}[kind]


def factories_of(text):
    """The factories that a file of paste/ names."""
    found = []
    section = ""
    for line in text.splitlines():
        if line.startswith("["):
            section = line[1:].split(":")[0]
        match = re.match(r"paste\.(\w+)_factory\s*=\s*(\S+)|use\s*=\s*(?:call:(\S+)|(egg:\S+))", line)
        if match:
            explicit, name, call, egg = match.groups()
            found.append((explicit or section, name or call or egg))
    return found


def install(table, folder):
    """Makes modules, and a distribution with entry points, of the stubs."""
    entries = {}
    for kind, name in table:
        if name.startswith("egg:"):
            distribution, entry = name[len("egg:"):].split("#")
            module = types.ModuleType(f"stub_{abs(hash((kind, name)))}")
            module.factory = stub(kind, name)
            sys.modules[module.__name__] = module
            group = f"paste.{kind}_factory"
            entries.setdefault(distribution, {}).setdefault(group, []).append(f"{entry} = {module.__name__}:factory")
            continue
        path, attributes = name.split(":")
        for i in range(path.count(".") + 1):
            part = ".".join(path.split(".")[:i + 1])
            module = sys.modules.setdefault(part, types.ModuleType(part))
            if i:
                setattr(parent, part.split(".")[-1], module)
            parent = module
        *owners, last = attributes.split(".")
        for owner in owners:
            if not hasattr(parent, owner):
                setattr(parent, owner, types.SimpleNamespace())
            parent = getattr(parent, owner)
        setattr(parent, last, stub(kind, name))
    for distribution, groups in entries.items():
        info = os.path.join(folder, f"{distribution}-1.dist-info")
        os.makedirs(info)
        with open(os.path.join(info, "METADATA"), "w", encoding="utf-8") as file:
            file.write(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1\n")
        with open(os.path.join(info, "entry_points.txt"), "w", encoding="utf-8") as file:
            for group, lines in groups.items():
                file.write(f"[{group}]\n" + "\n".join(lines) + "\n")
    sys.path.insert(0, folder)


def normal(value):
    """Without what differs on purpose: the spelling of a distribution."""
    if isinstance(value, dict):
        value = {key: normal(item) for key, item in value.items()}
        if str(value.get("name", "")).startswith("egg:"):
            value["name"] = value["name"].lower()
        return value
    return [normal(item) for item in value] if isinstance(value, list) else value


class PasteTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        logging.disable()
        cls.temporary = tempfile.TemporaryDirectory()
        folder = cls.temporary.name
        cls.shipped = {}
        table = list(TABLE)
        for name in sorted(os.listdir(FOLDER)):
            with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
                cls.shipped[name] = file.read()
            table += factories_of(cls.shipped[name])
        table = sorted(set(table))
        cls.table = os.path.join(folder, "table")
        with open(cls.table, "w", encoding="utf-8") as file:
            file.writelines(f"{kind} {name}\n" for kind, name in table)
        install(table, os.path.join(folder, "site"))

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def write(self, folder, name, text):
        path = os.path.join(self.temporary.name, folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        return path

    def theirs(self, uri):
        try:
            return normal(loadwsgi.loadapp(uri))
        except LookupError as error:
            return {"error": repr(error), "lookup": True}
        except Exception as error:  # Whatever it raises, it refuses.
            return {"error": repr(error), "lookup": False}

    def compare(self, uris):
        done = subprocess.run([DESCRIBE, self.table, *uris], stdout=subprocess.PIPE, check=True)
        accepted = 0
        for uri, line in zip(uris, done.stdout.decode().splitlines(), strict=True):
            with self.subTest(uri=uri):
                ours, theirs = normal(json.loads(line)), self.theirs(uri)
                if "error" not in ours and "error" not in theirs:
                    self.assertEqual(ours, theirs)
                    accepted += 1
                else:
                    self.assertIn("error", ours, f"refused by paste.deploy: {theirs}")
                    self.assertIn("error", theirs, f"refused by us: {ours}")
                    # An error that names no place is about the URI or the file that is asked for.
                    self.assertRegex(ours["error"], r"\.ini:\d+: |config /\S+\.ini$")
                    if theirs["lookup"]:
                        self.assertTrue(ours["lookup"], (ours, theirs))
        return accepted

    def test_every_application_of_files_like_those_of_openstack(self):
        uris = []
        for name, text in self.shipped.items():
            path = self.write("shipped", name, text)
            for section in re.findall(r"^\[(?:app|composite|pipeline):(.*)\]", text, re.MULTILINE):
                uris.append(f"config:{path}#{section}")
        self.assertGreater(len(uris), 30)
        self.assertEqual(self.compare(uris), len(uris))

    def test_the_corners(self):
        uris = []
        for name, text in CASES.items():
            uris.append("config:" + self.write(name, "one.ini", text))
            self.write(name, "two.ini", TWO)
        accepted = self.compare(uris)
        # Most are about what is accepted, and enough about what is not.
        self.assertGreater(accepted, 50)
        self.assertGreater(len(uris) - accepted, 25)

    def test_files_at_random(self):
        source = random.Random(20261124)
        uris = []
        for i in range(600):
            uris.append("config:" + self.write(f"random{i}", "one.ini", random_file(source)))
            self.write(f"random{i}", "two.ini", TWO)
        accepted = self.compare(uris)
        self.assertGreater(accepted, 100)
        self.assertGreater(len(uris) - accepted, 100)


if __name__ == "__main__":
    unittest.main()
