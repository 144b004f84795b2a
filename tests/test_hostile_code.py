"""No code of others runs, and nobody is asked but the Hub and those it names: what our own source may not contain."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
REQUESTS = ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "importScripts")
PLACES = ("gluscope_core", "compute", "demo", "pages", "benchmarks")
OURS = [ROOT / "streamlit_app.py", *sorted(path for place in PLACES for path in (ROOT / place).rglob("*.py"))]

RUNS = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "imp", "runpy", "code"}
ASKS = {
    "socket", "ssl", "http.client", "urllib.request", "urllib3", "requests", "httpx", "httpx2", "aiohttp", "ftplib",
    "smtplib", "telnetlib", "xmlrpc", "websockets", "webbrowser", "hf_xet",
}  # fmt: skip
STARTS = {"subprocess", "multiprocessing", "pty"}
MAY_ASK = {"gluscope_core/hub_ranges.py", "gluscope_core/hub_errors.py", "gluscope_core/hub_patience.py"}
"""Of the Hub's client alone: its sessions, its addresses, its errors."""
MAY_ASK_OUTSIDE_THE_APP = {"demo", "benchmarks"}
CALLS = {"eval", "exec", "compile", "__import__", "breakpoint"}


def problems(source: str, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _imported(node, name)
        elif isinstance(node, ast.Call):
            yield from _called(node)


def _imported(node: ast.Import | ast.ImportFrom, name: str) -> Iterator[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    if isinstance(node, ast.ImportFrom):
        modules += [f"{node.module}.{alias.name}" for alias in node.names]
    outside = name.partition("/")[0] in MAY_ASK_OUTSIDE_THE_APP
    for module in modules:
        roots = {module, module.partition(".")[0]}
        if roots & RUNS:
            yield f"imports {module}, which runs code"
        if roots & ASKS and name not in MAY_ASK and not outside:
            yield f"imports {module}, which asks others than the Hub"
        if roots & STARTS and not outside:
            yield f"imports {module}, which starts programs"


def _called(node: ast.Call) -> Iterator[str]:
    called = ast.unparse(node.func)
    given = {each.arg: ast.unparse(each.value) for each in node.keywords}
    if called in CALLS:
        yield f"calls {called}"
    if called.endswith(("torch.load", "_load_state_dict_file")) and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if given.get("trust_remote_code", "False") != "False":
        yield "trusts remote code"
    if given.get("allow_pickle", "False") != "False" or called.endswith("read_pickle"):
        yield "reads pickles"
    if called.endswith(("yaml.load", "yaml.unsafe_load", "yaml.full_load")):
        yield "loads YAML that may construct anything"
    if called.endswith(("os.system", "os.popen")) or given.get("shell", "False") != "False":
        yield "runs a shell"
    if given.get("unsafe_allow_html", "False") != "False" or given.get("unsafe_allow_javascript", "False") != "False":
        yield "lets HTML through that Streamlit would escape"
    loads = called.endswith(("AutoConfig.from_pretrained", "AutoTokenizer.from_pretrained"))
    if loads and "trust_remote_code" not in given:
        yield f"{called} without saying that remote code is not trusted"


@pytest.mark.parametrize("path", OURS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_our_source(path):
    assert list(problems(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "import urllib.request",
        "from urllib import request",
        "import requests as r",
        "import subprocess",
        "eval('1')",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "AutoModel.from_pretrained(x, trust_remote_code=True)",
        "AutoModel.from_pretrained(x, trust_remote_code=config.trust)",
        "AutoConfig.from_pretrained(x)",
        "np.load(path, allow_pickle=True)",
        "pd.read_pickle(path)",
        "yaml.load(text)",
        "os.system('x')",
        "st.markdown(x, unsafe_allow_html=True)",
    ],
)
def test_control_each_is_seen(source):
    assert list(problems(source, "gluscope_core/x.py"))


@pytest.mark.parametrize("path", sorted((ROOT / "gluscope_core").glob("*.[jc]s*")), ids=lambda path: path.name)
def test_what_browsers_run_asks_nobody(path):
    content = path.read_text(encoding="utf-8")
    for asks in (*REQUESTS, "import(", "url(", "@import", "eval("):
        assert asks not in content, asks
    for address in ("http://", "https://", "//cdn"):
        assert address not in content.replace("http://www.w3.org/", ""), address
