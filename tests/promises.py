"""What is promised, the tests that show it, and what they tried: docs/promises.md, from a run of the suite.

    python -m tests.promises build/suite.xml "make test-slow" > docs/promises.md

Tests say what they tried by pytest's `record_property("kills survived", 100)`; equal names are added up."""

import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

HEAD = """# What is promised, and the test that shows it

Made from what the suite tried: figures of `{command}`. `make test-slow` tries the most, `make test` the same tests with
smaller numbers.

| promise | tests | tried |
|---|---|---|
"""


@dataclass(frozen=True)
class Promise:
    says: str
    tests: tuple[str, ...]
    """`test_kill` for all of a file, `test_kill::test_name` for one, parameters left out."""


PROMISES = (
    Promise(
        "Killed anywhere, or out of room, a stage goes on with the same command, to the same bytes",
        ("test_kill",),
    ),
    Promise(
        "SIGINT and SIGTERM save what is done, and the message holds the command that goes on",
        (
            "test_stopping",
            "test_texts_stage::test_stopped_by_a_signal_and_repeated_gives_the_same_bytes",
            "test_weights_faults::test_weights_that_are_stopped_go_on",
            "test_weights_faults::test_weights_stopped_in_the_pass_over_layers_go_on",
            "test_weights_faults::test_examples_that_are_stopped_go_on",
            "test_weights_faults::test_publish_that_is_stopped_sends_the_rest",
        ),
    ),
    Promise(
        "A wrong resume is refused, and what differs is named",
        (
            "test_refusals::test_other_settings_are_named",
            "test_refusals::test_what_no_flag_says_is_named_too",
            "test_refusals::test_other_model_and_texts_are_named",
            "test_refusals::test_an_unfinished_analysis_of_weights_with_other_settings",
        ),
    ),
    Promise(
        "Texts of another vocabulary, or altered since, are refused",
        ("test_refusals::test_texts_of_another_vocabulary", "test_refusals::test_texts_that_were_altered"),
    ),
    Promise(
        "One process works in a folder, and a lock dies with its process",
        (
            "test_durable::test_a_lock_keeps_others_out_and_dies_with_its_process",
            "test_refusals::test_two_at_work_in_one_folder",
            "test_refusals::test_a_lock_that_a_crash_left_locks_nobody_out",
        ),
    ),
    Promise(
        "What cannot be analysed is refused before any weights are read",
        ("test_refusals::test_models_that_cannot_be_analysed",),
    ),
    Promise(
        "A disk that is too small is refused before the work",
        (
            "test_room::test_a_disk_that_is_too_small_is_refused_before_anything_is_computed",
            "test_weights_faults::test_small_disks_are_refused_before_the_work",
            "test_texts_stage::test_a_disk_that_is_too_small_for_texts",
        ),
    ),
    Promise(
        "A file is whole or absent; several that belong together are replaced all or none",
        (
            "test_durable::test_write_whole_replaces_or_leaves",
            "test_durable::test_a_commit_that_is_stopped_completes_or_never_began",
            "test_durable::test_a_journal_whose_files_are_lost_is_not_completed",
            "test_durable::test_a_full_disk_leaves_nothing_half_written",
            "test_dataset::test_being_updated",
            "test_dataset::test_replaced_while_open",
        ),
    ),
    Promise(
        "A full disk ends a stage cleanly, at whichever write: nothing half-written is taken for whole",
        ("test_full_disk",),
    ),
    Promise(
        "A flipped bit or a cut end is reported, in every kind of file, or changes nothing that is read",
        ("test_flips",),
    ),
    Promise(
        "Odd text survives: empty, endless, broken, invisible, from right to left",
        (
            "test_texts_stage::test_odd_text_survives",
            "test_texts_stage::test_a_parquet_column_that_is_no_utf8",
            "test_odd_input::test_empty_text_keeps_its_number_and_long_text_is_cut",
            "test_odd_input::test_text_that_is_no_utf8_or_no_string",
            "test_highlight::test_tokens_are_text_and_nothing_else",
        ),
    ),
    Promise(
        "Values that are not finite numbers are counted, and stay out of lists and sums",
        (
            "test_odd_input::test_nonfinite_values_are_counted_and_left_out",
            "test_weights_faults::test_neurons_whose_weights_are_not_finite",
            "test_weights_faults::test_tokens_whose_embeddings_are_not_finite",
        ),
    ),
    Promise(
        "Out of memory halves the batch, then fails clearly",
        ("test_room::test_batches_are_halved_until_they_fit", "test_room::test_one_text_that_does_not_fit_is_said"),
    ),
    Promise("A clock that jumps changes nothing", ("test_weights_faults::test_a_clock_that_jumps",)),
    Promise(
        "What manifests, footers and pages say is bounded before it is believed; nothing leads out of a dataset",
        (
            "test_hostile_manifest",
            "test_hostile_tables",
            "test_hostile_links",
            "test_hostile_original",
            "test_hostile_import",
            "test_hostile_texts",
        ),
    ),
    Promise(
        "Nothing in the data can script, style or call home",
        ("test_hostile_words", "browser.test_hostile", "test_highlight::test_tokens_are_text_and_nothing_else"),
    ),
    Promise("No address can crash or exhaust the dashboard", ("test_hostile_urls",)),
    Promise(
        "What readers and parsers are given at random is read or refused",
        (
            "test_hostile_manifest::test_mutated_manifests",
            "test_hostile_tables::test_mutated_files",
            "test_hostile_urls::test_parsers",
            "test_hostile_words::test_tokens",
        ),
    ),
    Promise("No pickle, no remote code, no request to others than the Hub", ("test_hostile_code",)),
    Promise("Secrets stay out of output, cards and manifests", ("test_secrets",)),
    Promise(
        "Publishing goes on where it failed, and sends nothing twice",
        ("test_publish::test_cut_off_at_any_commit_it_sends_the_rest",),
    ),
    Promise(
        "A dataset that does not fit is explained, and the dashboard stays up",
        (
            "test_app::test_a_dataset_that_cannot_be_opened_is_explained",
            "test_choice::test_a_file_that_is_missing_or_truncated_stands_where_data_would",
            "test_dataset::test_newer_format",
            "test_dataset::test_missing_and_truncated_files",
            "test_hostile_manifest::test_the_app_stays_up_and_says_so",
            "test_neuron_page::test_damage_is_told_where_the_data_would_be",
        ),
    ),
    Promise(
        "A pinned revision stays; one that does not exist is an error",
        (
            "test_choice::test_a_second_commit_changes_nothing_for_who_has_it_open",
            "test_dataset::test_not_there",
            "test_hub::test_a_second_commit_changes_nothing_that_is_open_or_pinned",
            "test_hub::test_what_is_not_there",
        ),
    ),
    Promise(
        "The dashboard is light: no torch, and nothing imported that no page shows",
        (
            "test_boundaries::test_light_half_never_imports",
            "test_boundaries::test_pages_leave_out_what_takes_longer_to_import_than_to_show",
            "test_deploy::test_the_dashboard_is_light_and_its_versions_are_within_the_ranges",
        ),
    ),
    Promise(
        "What the dashboard installs is pinned and hashed; an audit of it that could not be made says so",
        (
            "test_deploy::test_every_package_is_pinned_and_hashed",
            "test_deploy::test_an_audit_gives_what_the_auditor_finds",
            "test_deploy::test_an_audit_without_its_service_says_that_it_was_not_made",
        ),
    ),
    Promise("Every error message names the thing, the reason and the next step", ("test_messages",)),
)


@dataclass(frozen=True)
class Tried:
    test: str
    """As `Promise.tests` names it."""
    passed: bool
    counts: Counter


def read_suite(path: Path) -> list[Tried]:
    """What pytest wrote with `--junitxml`."""
    cases = ET.parse(path).iter("testcase")
    return [
        Tried(
            f"{case.attrib['classname'].removeprefix('tests.')}::{case.attrib['name'].partition('[')[0]}",
            not any(case.find(bad) is not None for bad in ("failure", "error", "skipped")),
            Counter({each.attrib["name"]: int(each.attrib["value"]) for each in case.iter("property")}),
        )
        for case in cases
    ]


def shows(promise: Promise, tried: Tried) -> bool:
    return any(tried.test == name or tried.test.startswith(f"{name}::") for name in promise.tests)


def row(promise: Promise, suite: list[Tried]) -> str:
    mine = [tried for tried in suite if shows(promise, tried)]
    failed = [tried.test for tried in mine if not tried.passed]
    if failed or not mine:
        raise SystemExit(f"not shown: {promise.says}: {', '.join(failed) or 'none of its tests ran'}")
    counts = sum((tried.counts for tried in mine), Counter())
    figures = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    names = ", ".join(f"`{name}`" for name in promise.tests)
    return f"| {promise.says} | {names} | {figures or f'{len(mine)} cases'} |\n"


def main(suite: Path, command: str) -> None:
    tried = read_suite(suite)
    sys.stdout.write(HEAD.format(command=command) + "".join(row(promise, tried) for promise in PROMISES))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
