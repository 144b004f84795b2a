"""The command line: one subcommand per stage, each built from its settings. Torch is imported by what needs it."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass

import tyro

from compute.config import (
    ExamplesConfig,
    ImportConfig,
    MergeConfig,
    PageConfig,
    PublishConfig,
    RunConfig,
    SiteConfig,
    TextsConfig,
    VerifyConfig,
    WeightsConfig,
)
from compute.stopping import interruptible
from gluscope_core.errors import GluscopeError, Stopped

_INTERRUPTED = 130
"""As shells have it."""


def main(arguments: list[str] | None = None) -> int:
    try:
        config = tyro.extras.subcommand_cli_from_dict(
            {name: stage.config for name, stage in STAGES.items()},
            prog="python -m compute",
            description="From a model and texts to an activation dataset.",
            args=arguments,
        )
        stage = next(stage for stage in STAGES.values() if isinstance(config, stage.config))
        with interruptible():
            return stage.start(config)
    except (Stopped, KeyboardInterrupt) as stop:
        again = shlex.join(["python", "-m", "compute", *(sys.argv[1:] if arguments is None else arguments)])
        print(f"{str(stop) or 'stopped: nothing is half-written'}; this goes on: {again}", file=sys.stderr)
        return _INTERRUPTED
    except GluscopeError as error:
        print(f"error: {error}", file=sys.stderr)
    except OSError as error:
        print(f"error: {error}: mend that and repeat the command, which goes on where it was", file=sys.stderr)
    except (RuntimeError, MemoryError) as error:
        from compute.room import is_out_of_memory, said_of_memory

        if not is_out_of_memory(error):
            raise
        remedy = "free some, or use a machine with more, and repeat the command, which goes on where it was"
        print(f"error: {said_of_memory(error)}: {remedy}", file=sys.stderr)
    return 2


def _texts(config: TextsConfig) -> int:
    from compute.texts import texts

    texts(config)
    return 0


def _run(config: RunConfig) -> int:
    from compute.run import run

    if config.plan:
        from compute.budget import budget_of
        from compute.plan import make_plan

        print("\n".join(budget_of(make_plan(config)).lines()))
    else:
        run(config)
    return 0


def _merge(config: MergeConfig) -> int:
    from compute.merge import merge

    merge(config)
    return 0


def _weights(config: WeightsConfig) -> int:
    if config.plan:
        from compute.weights.budget import weights_budget

        budget, speed = weights_budget(config)
        print("\n".join(budget.lines(speed)))
    else:
        from compute.weights import weights

        weights(config)
    return 0


def _examples(config: ExamplesConfig) -> int:
    from compute.examples import examples

    examples(config)
    return 0


def _page(config: PageConfig) -> int:
    from compute.pages import page

    page(config)
    return 0


def _site(config: SiteConfig) -> int:
    from compute.pages import site

    site(config)
    return 0


def _import(config: ImportConfig) -> int:
    from compute.imported import import_original

    import_original(config)
    return 0


def _verify(config: VerifyConfig) -> int:
    from compute.verify import verify

    violations = 0
    for violation in verify(config.dataset):
        print(violation)
        violations += 1
    found = f"{violations} violations: fetch or compute it again" if violations else "as it should be"
    print(f"{config.dataset}: {found}", file=sys.stderr)
    return 1 if violations else 0


def _publish(config: PublishConfig) -> int:
    from compute.publish import publish

    publish(config)
    return 0


@dataclass(frozen=True)
class _Stage:
    config: type
    start: Callable[..., int]


STAGES = {
    "texts": _Stage(TextsConfig, _texts),
    "run": _Stage(RunConfig, _run),
    "merge": _Stage(MergeConfig, _merge),
    "weights": _Stage(WeightsConfig, _weights),
    "examples": _Stage(ExamplesConfig, _examples),
    "page": _Stage(PageConfig, _page),
    "site": _Stage(SiteConfig, _site),
    "import": _Stage(ImportConfig, _import),
    "verify": _Stage(VerifyConfig, _verify),
    "publish": _Stage(PublishConfig, _publish),
}
