"""Requests for GPUs, and the memory that devices are sold with."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.gpus import MARKETED, Gpu, GpuRequest, at_least, gpu_request, memory_of, profile_memory
from pydantic import ValidationError

GIBIBYTE = 1024**3


@pytest.mark.parametrize(
    ("model", "gigabytes"),
    [
        *(("A100-40GB", 40), ("A100-80GB", 80), ("H100-94GB", 94), ("H200-141GB", 141), ("H200", 141), ("L40S", 48)),
        *(("T4", 16), ("V100", None), ("RTX-6000-Ada", None), ("GH200-480GB", 480)),
    ],
)
def test_a_models_memory_is_what_it_is_sold_with(model: str, gigabytes: int | None) -> None:
    """The number of its word, else the table's; nothing is guessed."""
    assert memory_of(model) == (gigabytes and gigabytes * GIBIBYTE)
    assert Gpu(uuid="GPU-a", model=model).size == memory_of(model)
    assert Gpu(uuid="GPU-a", model=model, memory=GIBIBYTE).size == GIBIBYTE


def test_no_model_of_the_table_has_its_size_in_its_word() -> None:
    """The table is for those whose word says nothing."""
    assert not any("GB" in model for model in MARKETED)


@pytest.mark.parametrize(("profile", "gigabytes"), [("1g.5gb", 5), ("1g.10gb+me", 10), ("7g.141gb", 141)])
def test_a_profiles_memory_is_in_its_name(profile: str, gigabytes: int) -> None:
    """By the same measure as a model's, so that one request compares both."""
    assert profile_memory(profile) == gigabytes * GIBIBYTE


@given(st.integers(1, 2000), st.sampled_from(["Mi", "Gi", "Ti"]))
def test_a_least_amount_is_written_as_it_is_read(count: int, unit: str) -> None:
    """What a schema or a dump shows can be pasted back."""
    request = GpuRequest(memory=f">={count}{unit}")
    assert GpuRequest.model_validate_json(request.model_dump_json()) == request
    assert json.loads(request.model_dump_json())["memory"].startswith(">=")


@pytest.mark.parametrize("wrong", ["40Gi", ">40Gi", ">=40GB", ">=40", "=>40Gi", ">=0Gi", ">=-1Gi", True, 1.5, None, []])
def test_what_is_no_least_amount_is_refused(wrong: object) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match=r'">=40Gi"|16Gi'):
        at_least(wrong)


@pytest.mark.parametrize(
    "given", [{"uuid": "GPU-a", "memory": ">=1Gi"}, {"uuid": "GPU-a", "count": 2}, {"mig": "1g.5gb", "memory": ">=1Gi"}]
)
def test_a_request_says_one_thing(given: dict[str, object]) -> None:
    """A device by its id has all that it has; a profile has its memory."""
    with pytest.raises(ValidationError, match="leave out"):
        GpuRequest.model_validate(given)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (1, "1 GPU"),
        (2, "2 GPUs"),
        (GpuRequest(model="A100-40GB", memory=">=20Gi"), "1 x A100-40GB with >=20Gi"),
        (GpuRequest(count=2, memory=">=20Gi"), "2 GPUs with >=20Gi"),
        (GpuRequest(count=2, mig="1g.5gb"), "2 x 1g.5gb"),
        (GpuRequest(uuid="GPU-a"), "GPU-a"),
    ],
)
def test_a_request_in_words(given: "int | GpuRequest", text: str) -> None:
    """As messages say it."""
    assert str(gpu_request(given)) == text


def test_none_is_no_request() -> None:
    """A project of CPUs."""
    assert gpu_request(0) is None
