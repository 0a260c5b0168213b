#!/usr/bin/env python3
"""Writes cases.json: configuration trees, command lines, and what the real Hydra makes of them.

usage: python3 make_cases.py > cases.json      (needs hydra-core==1.3.2, omegaconf==2.3.1)

The trees and command lines are ours, partly drawn at random from a fixed seed; the expectations
are Hydra's. Go's TestHydraAgrees composes each and compares."""
import json
import logging
import math
import os
import random
import sys
import tempfile
import warnings

from hydra import version
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import setup_globals
from hydra.types import RunMode
from omegaconf import OmegaConf

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)
version.setbase("1.3")
setup_globals()

ENV = {"CASE_LIST": "[1, 2.5, x]", "CASE_MAP": "{q: 1, r: [null, True]}", "CASE_TEXT": "plain text", "CASE_REF": "${seed}"}
os.environ.update(ENV)

TREES = {
    "zoo": {
        "config.yaml": """defaults:
  - Net: small
  - opt@trainer.Opt: sgd
  - data_x: [one, two]
  - Net/Head: linear
  - optional tuned: ${Net}_t
  - _self_
  - exp: null
seed: 3
Top: {k: '${seed}', l: [x, y, {Z: 1}]}
none: null
must: ???
ref: ${Top}
""",
        "Net/small.yaml": "name: small\nWidth: 64\nlr: 1e-3\nnest: {A: {b: 1}}\n",
        "Net/big.yaml": "defaults:\n  - small\n  - _self_\nname: big\nWidth: 1_024\n",
        "Net/first.yaml": "defaults:\n  - _self_\n  - small\nname: first\nextra: yes\n",
        "Net/Head/linear.yaml": "kind: linear\nof: ${..Width}\n",
        "Net/Head/mlp.yaml": "kind: mlp\nof: ${Net.Width}\nhidden: [1, 2]\n",
        "opt/sgd.yaml": "kind: sgd\nmomentum: .9\n",
        "opt/adam.yaml": "# @package _group_\nkind: adam\nbetas: [0.9, 0.95]\n",
        "data_x/one.yaml": "a: 1\n",
        "data_x/two.yaml": "b: 2\na: ${seed}\n",
        "data_x/three.yaml": "c:\n  d: ???\n",
        "tuned/big_t.yaml": "# @package _global_\nseed: 77\n",
        "exp/e1.yaml": "# @package _global_\ndefaults:\n  - override /Net: big\n  - _self_\nseed: 9\nNet: {nest: {A: {b: 5}}}\n",
        "exp/e2.yaml": "# @package _global_\ndefaults:\n  - e1\n  - override /opt@trainer.Opt: adam\n  - override /data_x: three\n  - _self_\nadded: {v: '${Net.name}'}\n",
        "exp/e3.yaml": "\n# @package _global_\ndefaults:\n  - /Net@teacher: big\n  - /opt@_here_: sgd\n  - _self_\nteacher: {Width: 1}\n",
    },
    "scalars": {
        "config.yaml": "".join(f"v{i}: {s}\n" for i, s in enumerate(
            ["yes", "No", "on", "OFF", "y", "~", "", "Null", "nULL", "True", "0755", "0o17", "08", "0x1F", "0b101", "1_000", "1__2",
             "1e3", "1e-4", "1.5e+3", "1.e5", ".5", ".5e3", "+.5", "3.", "1.10.0", "+7", "-0", ".inf", "-.INF", ".nan", "1:30", "01:30",
             "1:30:45", "1:30.5", "2024-05-01", "2024-05-01 10:00:00", "'a: b'", "a#b", "a:b", "!!str 5", "!!int '5'", "!!float 3",
             "9007199254740993", "123456789012345678901234567890", "1e400", "\"tab\\t\"", "'it''s'", "{a: yes, 1: 2, true: x, 0.5: z}",
             "[]", "{}", "|\n  x\n  y", ">-\n  x\n  y", "'\\${v0}'", "$v0", "'???'"]))
        + "base: &b {p: 1, q: 2}\nmerged: {<<: *b, q: 3}\nagain: *b\nboth:\n  <<: [*b, {q: 9, r: 1}]\n",
    },
    "refs": {
        "config.yaml": """seed: 7
b: {c: [1, 2, {z: 9}], d: x, e: {f: 1.5, g: null, h: true}}
s: d
lst: [10, '${.0}', '${seed}', '${..seed}']
r: ${b.e}
dk: {x y: 2, 0: z}
up: {v: '${..seed}', w: '${.v}', deep: {q: '${...s}', p: '${..w}'}}
""",
    },
}

LINES = {
    "zoo": [
        "", "Net=big", "Net=first", "Net=big Net/Head=mlp", "opt@trainer.Opt=adam", "opt=adam", "data_x=three", "data_x=[two,one]",
        "exp=e1", "exp=e2", "exp=e3", "exp=[e1,e3]", "exp=e1 Net=first", "exp=e2 Net.Width=2", "exp=e3 Net@teacher=first", "exp=nope",
        "+exp=e1", "~Net/Head", "~Net", "~Net=big", "~exp", "~data_x", "+Net@second.copy=first", "+Net@second=first second.extra=0",
        "Net.Width=5", "Net.width=5", "+Net.width=5", "++Net.Width=6", "Top.l.0=q", "Top.l.7=q", "Top.l.x=1", "Top={k:1}", "Top={n:1}",
        "+Top={n:{m:1}}", "Top.l=[1]", "+Top.l=[1]", "Top.l={a:1}", "Top=5", "none.x=1", "+none.x=1", "none=1", "+none=1", "+seed=1",
        "must=4", "must=???", "~must", "~none", "~seed=3", "~seed=3.0", "~seed=4", "~Top.l=[x,y,{Z:1}]", "~Top.l.0", "~Top", "ref.k=9", "+ref.new=1",
        "ref={k:4}", "++ref={k:4}", "seed={a:1}", "seed=[1]", "seed.x=1", "Net=null", "Net=5", "Net={Width:3}", "++Net=big", "exp=null",
        "Net/Head@q=mlp", "a/b=c", "a@b=c", "seed", "seed=1,2", "seed=range(3)", "=3", "Top.k=${.l}", "none=${must}", "none=${nowhere}",
        "none=${Net}", "none='${Net.nest} and ${seed}'", "Net.lr=${oc.env:CASE_TEXT}", "-m Net=small,big", "-m Net=glob(*) seed=1,2", "-m Net=glob([s*,f*],exclude=first)",
        "-m seed=range(1,2,0.25)", "-m seed=range(0,1,0.1)", "-m seed=range(5,1,-2)", "-m seed=range(0)", "-m seed=sort(3,1,2)", "-m seed=sort(range(1,5),reverse=true)",
        "-m seed=choice(1,b,[c],{d:1})", "-m Top={k:1},{k:2} none=a,'b c'", "-m seed=1,2 seed=3", "-m seed=1 Top.k=2,3 seed=4,5", "-m exp=e1,e2 Net.Width=1,2",
        "-m +new=1,2 ~none", "-m seed=int(1.7,2.2)", "-m seed=interval(0,1)", "-m bogus=1,2", "-m Net=small,nope", "-m seed=1", "-m none=tag(a,choice(x,y))",
    ],
    "scalars": [""],
    "refs": ["", "+t='${b.${s}}'", "+t='${b[c][2].z}'", "+t=${b.c.5}", "+t=${b.d.x}", "+t=${.up}", "+t=${.t}", "+t=${b.nope}", "+t='x${seed}y${b.e.g}'",
             "+t='${b.c}!'", "+t='${oc.decode:${oc.env:CASE_LIST}}'", "+t='${oc.decode:${oc.env:CASE_MAP}}'", "+t='${oc.env:CASE_REF}'",
             "+t='${oc.env:CASE_NONE,[1,a]}'", "+t=${oc.env:CASE_NONE}", "+t=${oc.env:CASE_NONE,null}", "+t='${oc.select:b.c,3}'", "+t='${oc.select:nope,[1,{a:2}]}'",
             "+t='${oc.create:{a:${seed},b:[x]}}' +u=${t.b.0}", "+t='${oc.decode:\"{a: 1}\"}' +u=${t.a}", "+t=${oc.dict.keys:b} +u=${oc.dict.values:up}", "+t=${oc.dict.values:.dk}",
             "+t={a:1,b:{c:${..a}}}", "+t=[${seed},[${..1}]]", "+t='${nope:1}'", "+t='${oc.env}'", "+t='\\${seed}'", "+t='\\\\${seed}'", "+t='a\\\\\\${seed}'",
             "+t='${dk[x y]}'", "+t=${dk.0}", "+t=${...seed}", "+a=${b2} +b2=${a}", "+t={u:${t}}", "r.f=2", "~r.f", "+r={n:1}"],
}

VALUES = ["a", "1", "0", "-1", "+5", "1_000", "007", "1e3", "1.5", ".5", "2.", "1E-3", "inf", "nan", "true", "False", "null", " ", ",", ":", "=", "[", "]",
          "{", "}", "(", ")", "'", '"', "\\", "\\\\", "\\'", "\\,", "\\ ", "\\=", "${seed}", "${b.e}", "\\${seed}", "$", "%", "*", "@", "?", "|", "/", "-", ".", "é",
          "#", "~", "x-y", "_u", "1:30", "0x1F", "int(", "str(", "float(", "sort(", "choice(", "'a b'", "[1,2]", "{k:v}", "???", "foo bar", "s3://b/c"]


def random_lines(count):
    rng = random.Random(20261123)
    for _ in range(count):
        v = "".join(rng.choice(VALUES) for _ in range(rng.choice([1, 1, 2, 2, 3, 4, 5])))
        yield ["+x=" + v] if rng.random() < 0.8 else ["+x=[" + v + "]"]


def plain(x):
    if isinstance(x, dict):
        return {k if isinstance(k, str) else json.dumps(k): plain(v) for k, v in x.items()}
    if isinstance(x, list):
        return [plain(v) for v in x]
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x


def content(cfg):
    OmegaConf.set_struct(cfg, False)
    del cfg["hydra"]
    return plain(OmegaConf.to_container(cfg, resolve=True))


def outcome(folder, overrides):
    multirun = overrides[:1] == ["-m"]
    overrides = overrides[1:] if multirun else overrides
    GlobalHydra.instance().clear()
    h = Hydra.create_main_hydra2(task_name="cases", config_search_path=create_config_search_path(folder))
    mode = RunMode.MULTIRUN if multirun else RunMode.RUN
    case = {"overrides": overrides, "multirun": multirun}
    try:
        cfg = h.compose_config("config", overrides, run_mode=mode, from_shell=True, with_log_configuration=False)
        if not multirun:
            return {**case, "ok": True, "expect": content(cfg)}
        parser = OverridesParser.create(config_loader=h.config_loader)
        jobs = BasicSweeper.split_arguments(parser.parse_overrides(overrides), None)[0]
        configs = [content(h.config_loader.load_sweep_config(cfg, list(job))) for job in jobs]
        return {**case, "ok": True, "expect": configs, "jobs": jobs}
    except Exception:  # whatever Hydra raises is a refusal
        return {**case, "ok": False}


def main():
    cases = []
    for name, files in TREES.items():
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                full = os.path.join(folder, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as f:
                    f.write(text)
            lines = [split(line) for line in LINES[name]] + (list(random_lines(250)) if name == "refs" else [])
            for overrides in lines:
                cases.append({"tree": name, **outcome(folder, overrides)})
    json.dump({"env": ENV, "trees": TREES, "cases": cases}, sys.stdout, ensure_ascii=False, indent=0, sort_keys=True)
    print()


def split(line):
    """Splits a command line at blanks outside of single quotes."""
    words, quoted = [""], False
    for c in line:
        quoted ^= c == "'"
        if c == " " and not quoted:
            words.append("")
        else:
            words[-1] += c
    return [w for w in words if w]


if __name__ == "__main__":
    main()
