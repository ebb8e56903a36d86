"""How a product can be made in the region: each step compared with what is shared."""

from __future__ import annotations

from sharing_platform.listings import service as listing_service
from sharing_platform.listings.records import FoundListing, find_listings
from sharing_platform.listings.schemas import ListingOut
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.process_plans.product import understood, wish_of_step
from sharing_platform.process_plans.schedule import schedule
from sharing_platform.process_plans.schemas import NEEDS, Need, ProcessPlanOut, ProductIn, StepOut
from sharing_platform.search.criteria import Wish
from sharing_platform.search.ranking import PreparedCriteria, prepare_criteria
from sharing_platform.unified_search.service import Searched, best_machines, machine_hit

_SHOWN = 3
"""Of each kind in each step."""


def propose(searched: Searched, product: ProductIn) -> ProcessPlanOut:
    """Raises InvalidError where the place is not known."""
    known = understood(product)
    planned = schedule(searched, known)
    steps = [_step(searched, known, process, one) for process, one in zip(known.processes, planned, strict=True)]
    anybody = prepare_criteria(Wish(subject="know_how", near=known.near, within_km=known.within_km))
    makers = find_listings(searched.session, anybody, searched.now, searched.zone)[:_SHOWN]
    ends = [one.window.end for one in planned if one is not None]
    ready = max(ends) if ends and len(ends) == len(planned) else None
    return ProcessPlanOut(product=known, steps=steps, ready=ready, makers=_shown(searched, makers))


def steps_in_vain(plan: ProcessPlanOut) -> list[PreparedCriteria]:
    """The searches for machines that found none."""
    return [
        prepare_criteria(wish_of_step(plan.product, step.process, "machine"))
        for step in plan.steps
        if "machine" in step.missing
    ]


def _step(searched: Searched, product: ProductIn, process: str, planned: RankedOffer | None) -> StepOut:
    machines, _ = best_machines(searched, prepare_criteria(wish_of_step(product, process, "machine")), _SHOWN)

    def listings(need: Need) -> list[ListingOut]:
        criteria = prepare_criteria(wish_of_step(product, process, need))
        return _shown(searched, find_listings(searched.session, criteria, searched.now, searched.zone)[:_SHOWN])

    operators, trainings, know_how = listings("operator"), listings("training"), listings("know_how")
    there = {"machine": machines, "operator": operators, "training": trainings, "know_how": know_how}
    return StepOut(
        process=process,
        hours=product.hours.get(process),
        planned=machine_hit(planned, searched.viewer) if planned is not None else None,
        machines=[machine_hit(one, searched.viewer) for one in machines],
        operators=operators,
        trainings=trainings,
        know_how=know_how,
        missing=[need for need in NEEDS if not there[need]],
    )


def _shown(searched: Searched, found: list[FoundListing]) -> list[ListingOut]:
    return listing_service.listings_out(searched.session, searched.occupancy, found)
