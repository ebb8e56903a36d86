"""What changes in the policy file while the server runs is taken over; what is wrong is said, and the former policy goes on."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from analytics.policy.policy import Policy
from analytics.policy.policy_file import PolicyFile
from tests.analytics.rig import Rig

GOOD = 'factory = "hal-2"\nzone = "UTC"\nholidays = ""\nnotice = "0s"\nrequired_probability = 0.5\n'


def looks(file: PolicyFile, times: int = 3) -> list[bool]:
    return [file.look() for _ in range(times)]


def opened(tmp_path: Path) -> tuple[Path, PolicyFile]:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD)
    file = PolicyFile(
        path, Policy(factory="hal-2", zone="UTC", holidays="", notice=timedelta(0), required_probability=0.5)
    )
    assert looks(file) == [False] * 3, "nothing has changed"
    return path, file


def test_a_change_is_taken_over_once(tmp_path: Path) -> None:
    path, file = opened(tmp_path)
    path.write_text(GOOD + "offer = false\n")
    assert looks(file) == [False, True, False]
    assert not file.policy.offer
    path.write_text(GOOD + "offer = false  # for now\n")
    assert looks(file) == [False] * 3, "it says the same"


def test_half_a_file_is_not_read(tmp_path: Path) -> None:
    """A policy whose last lines are still to be written could offer what they forbid."""
    path, file = opened(tmp_path)
    whole = GOOD + 'minimum_slot = "3h"\noffer = false\n'
    for length in range(len(GOOD) + 22, len(whole) + 1):
        path.write_text(whole[:length])
        assert not file.look()
    assert (file.policy.offer, file.policy.minimum_slot) == (True, timedelta(hours=2))
    assert file.look()
    assert (file.policy.offer, file.policy.minimum_slot) == (False, timedelta(hours=3))


def test_what_cannot_be_used_is_said_and_the_former_policy_goes_on(tmp_path: Path) -> None:
    path, file = opened(tmp_path)
    former = file.policy
    for text, said in (
        (GOOD + "ofer = false\n", f"{path}:6: `ofer` is not a known key. Did you mean `offer`?"),
        ("factory = ", "not valid TOML"),
        (GOOD.replace("hal-2", "hal-3"), "`factory` cannot change while the server runs"),
        (None, "there is no such file"),
    ):
        path.unlink() if text is None else path.write_text(text)
        assert looks(file) == [False, True, False], text
        assert said in str(file.problem)
        assert file.policy is former
    path.write_text(GOOD)
    assert looks(file) == [False, True, False]
    assert file.problem is None
    assert file.policy is former


def test_a_file_that_says_the_same_is_no_other_policy(tmp_path: Path) -> None:
    """As at each start of the server: from another policy, all history is read and learnt from again."""
    path, file = opened(tmp_path)
    former = file.policy
    path.write_text(GOOD + "# a remark\n")
    assert looks(file) == [False, False, False]
    assert file.policy is former
    path.write_text(GOOD + "offer = false\n")
    assert looks(file) == [False, True, False]
    assert file.policy is not former


def test_a_change_before_the_server_was_ready_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD + "offer = false\n")
    file = PolicyFile(path, Policy(factory="hal-2", zone="UTC", holidays=""))
    assert looks(file) == [False, True, False]
    assert not file.policy.offer


def test_the_next_round_goes_by_the_new_policy(rig: Rig) -> None:
    analytics = rig.analytics()
    assert analytics.run_cycle().slots
    analytics.use_policy(
        rig.policy.model_copy(
            update={"zone": "Europe/Brussels", "offered": None, "maximum_slot": timedelta(hours=3), "parts": False}
        )
    )
    shorter = analytics.run_cycle().slots
    assert shorter
    assert all(slot.end - slot.start <= timedelta(hours=3) for slot in shorter)
    analytics.use_policy(rig.policy.model_copy(update={"offer": False}))
    assert analytics.run_cycle().slots == ()
    assert rig.offers() == {}
