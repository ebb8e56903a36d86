"""All texts of the control room, in Dutch and English."""

from __future__ import annotations

from typing import Literal

from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Controlekamer", "Control room"),
    "sign_in": ("Aanmelden", "Sign in"),
    "sign_out": ("Afmelden", "Sign out"),
    "token": ("Token van de server", "Token of the server"),
    "token_help": ("De inhoud van het bestand dat in server.toml bij token_file staat.", "The contents of the file that server.toml names as token_file."),
    "wrong": ("Dit is niet het token van deze server.", "This is not the token of this server."),
    "shut": (
        "Dit is niet het token van deze server, en er kwamen van hier al veel verkeerde. Het juiste werkt altijd, ook nu.",
        "This is not the token of this server, and many wrong ones have come from here. The right one always works, also now.",
    ),
    "no_script": ("Deze pagina heeft JavaScript nodig.", "This page needs JavaScript."),
    "kill_on": ("Alles intrekken", "Withdraw everything"),
    "kill_off": ("Weer aanbieden", "Offer again"),
    "kill_is_on": ("De noodschakelaar staat aan: er wordt niets aangeboden.", "The kill switch is on: nothing is offered."),
    "kill_is_off": ("Vrije uren worden volgens het beleid aangeboden.", "Free hours are offered according to the policy."),
    "kill_sure": (
        "Alles wat niet geboekt is, wordt nu ingetrokken; ook openstaande aanvragen vervallen. Weet u het zeker?",
        "Everything that is not booked will be withdrawn now, and open requests will be cancelled. Are you sure?",
    ),
    "alerts": ("Waarschuwingen", "Alerts"),
    "no_alerts": ("Geen waarschuwingen.", "No alerts."),
    "approvals": ("Wacht op uw goedkeuring", "Waiting for your approval"),
    "no_approvals": ("Niets wacht op goedkeuring.", "Nothing is waiting for approval."),
    "approve": ("Aanbieden", "Offer"),
    "refuse": ("Niet aanbieden", "Do not offer"),
    "answer_by": ("Antwoord vóór", "Answer by"),
    "machines": ("Machines nu", "Machines now"),
    "no_machines": ("Nog geen enkele machine heeft gegevens gestuurd.", "No machine has sent data yet."),
    "since": ("sinds", "since"),
    "silent": ("geen gegevens sinds", "no data since"),
    "today": ("Vandaag", "Today"),
    "utilisation": ("Gebruik van de laatste veertien dagen", "Use of the last fourteen days"),
    "forecast": ("Voorspelling: kans dat de machine vrij is", "Forecast: probability that the machine is free"),
    "free": ("Vrij", "Free"),
    "on_offer": ("Aangeboden", "On offer"),
    "all_machines": ("Alle machines", "All machines"),
    "machine": ("Machine", "Machine"),
    "slots": ("Aangeboden uren", "Hours on offer"),
    "no_slots": ("Er wordt niets aangeboden.", "Nothing is on offer."),
    "from": ("Van", "From"),
    "until": ("Tot", "Until"),
    "sure": ("Kans", "Probability"),
    "at_least": ("ten minste", "at least"),
    "windows": ("tijdvakken om te boeken", "windows that can be booked"),
    "record": ("Eerder niet nagekomen", "Broken before"),
    "of": ("van", "of"),
    "veto": ("Intrekken", "Withdraw"),
    "veto_sure": ("Deze uren intrekken en zelf houden?", "Withdraw these hours and keep them for the factory?"),
    "vetoes": ("Voor eigen gebruik gehouden", "Kept for the factory"),
    "lift": ("Weer vrijgeven", "Release"),
    "pending": ("Het platform toont dit nog niet; er wordt opnieuw geprobeerd.", "The platform does not show this yet; it will be retried."),
    "promises": ("Gecontroleerde beloften", "Promises checked"),
    "broken": ("niet nagekomen", "broken"),
    "at_most": ("hoogstens", "at most"),
    "lost": ("Geen verbinding met de server; de gegevens kunnen verouderd zijn.", "No connection to the server; the data may be out of date."),
    "failed": ("Dat is niet gelukt:", "That failed:"),
    "gateways": ("Gateways", "Gateways"),
    "no_gateways": ("Nog geen enkele gateway heeft verbinding gemaakt.", "No gateway has connected yet."),
    "why": ("Waarom wel of niet aangeboden?", "Why on offer, or not?"),
    "why_hours_long": ("Aantal uren", "Hours"),
    "why_show": ("Toon waarom", "Show why"),
    "why_yes": ("Deze uren worden aangeboden.", "These hours are on offer."),
    "why_no": ("Deze uren worden niet aangeboden, en wel hierom:", "These hours are not on offer, for these reasons:"),
    "why_not_quite": (
        "Aan alle voorwaarden is voldaan. Misschien vallen de uren buiten de afronding (round_to) of is het grootste aandeel (largest_share) bereikt; anders biedt de volgende ronde ze aan.",
        "All conditions are met. The hours may not fit the rounding (round_to), or the largest share (largest_share) may be reached; otherwise the next round offers them.",
    ),
    "why_met": ("In orde", "Met"),
    "why_unmet": ("Niet in orde", "Not met"),
    "why_offer": ("De machine wordt volgens het beleid aangeboden (offer, approval).", "The policy offers the machine (offer, approval)."),
    "why_heard": ("De machine stuurt gegevens; het laatst {at}.", "The machine is sending data; last heard {at}."),
    "why_known": ("Van de laatste twee weken is minstens 80 % bekend; nu {share}.", "At least 80 % of the last two weeks is known; now {share}."),
    "why_notice": ("De uren beginnen na de aanmeldtijd (notice): vanaf {from}.", "The hours begin after the notice period (notice): from {from} on."),
    "why_horizon": ("De uren eindigen binnen de voorspelde periode (horizon): tot {until}.", "The hours end within the period that is forecast (horizon): until {until}."),
    "why_length": ("Een boeking duurt {shortest_h} tot {longest_h} uur (minimum_slot, maximum_slot).", "A booking takes {shortest_h} to {longest_h} hours (minimum_slot, maximum_slot)."),
    "why_hours": ("De uren liggen in de tijden die het beleid aanbiedt (offered).", "The hours lie in the times that the policy offers (offered)."),
    "why_blackout": ("Op deze dag wordt volgens het beleid aangeboden (blackout).", "The policy offers hours on this day (blackout)."),
    "why_calendar": ("Er is niets gepland, geboekt of voor eigen gebruik gehouden.", "Nothing is planned, booked or kept for the factory."),
    "why_booked": ("Geboekt of aangevraagd van {start} tot {end}.", "Booked or requested from {start} until {end}."),
    "why_planned": ("Gepland van {start} tot {end}: {what}.", "Planned from {start} until {end}: {what}."),
    "why_vetoed": ("Voor eigen gebruik gehouden van {start} tot {end}.", "Kept for the factory from {start} until {end}."),
    "why_promise": (
        "In de voorbije weken had de voorspelling een belofte van hoogstens {rate} niet nagekomen kunnen houden.",
        "In past weeks, the forecast could have kept a promise of at most {rate} broken.",
    ),
    "why_forecast": (
        "De machine is waarschijnlijk genoeg al die tijd vrij: voorspelling {forecast}, drempel {threshold}. Kans bij het aanbod: {probability}; het beleid vraagt {required} (required_probability).",
        "The machine is likely enough to be free throughout: forecast {forecast}, threshold {threshold}. Probability shown: {probability}; the policy asks for {required} (required_probability).",
    ),
    "why_forecast_none": ("Voor deze uren is er een voorspelling.", "There is a forecast for these hours."),
    "why_habits": (
        "De machine was de laatste dagen veel vaker bezet dan voorspeld: haar gewoonten zijn veranderd. Wat daarvoor was, telt nog weinig mee, en er wordt voorzichtiger aangeboden.",
        "The machine has lately been busy far more often than forecast: its habits have changed. What was before counts for little now, and less is offered.",
    ),
    "why_record": ("Nagerekend: {broken} van de {checked} tijdvakken waren niet vrij.", "Checked: {broken} of {checked} windows were not free."),
    "why_approval": ("Een verantwoordelijke heeft deze uren goedgekeurd.", "An operations manager has approved these hours."),
    "why_kill_switch": ("De noodstop staat uit.", "The kill switch is off."),
    "costs": ("Wat de belofte kost", "What the promise costs"),
    "costs_help": (
        "Wat in de voorbije maanden te boeken was geweest, per lengte: aandeel nagekomen · aandeel van de vrije tijdvakken dat aangeboden was. Vet: het huidige beleid.",
        "What could have been booked in past months, by length: share kept · share of the free windows that would have been on offer. Bold: the present policy.",
    ),
    "costs_rate": ("Hoogstens niet nagekomen", "At most broken"),
    "costs_none": ("niets", "none"),
    "online": ("verbonden", "online"),
    "offline": ("niet verbonden", "offline"),
    "waits": ("meldingen in de wachtrij", "reports queued"),
    "missing": ("ontbreken", "missing"),
    "hours": ("uur", "hours"),
    "other_language": ("English", "Nederlands"),
}  # fmt: skip


def texts(language: Language) -> dict[str, str]:
    """All texts in one language; names of states under `state_…`, of losses under `loss_…`."""
    place = LANGUAGES.index(language)
    found = {key: both[place] for key, both in _TEXTS.items()}
    found |= {f"state_{state.value}": both[place] for state, both in STATE_TEXTS.items()}
    return found | {f"loss_{name}": both[place] for name, both in LOSS_TEXTS.items()}


def language_of(asked: str | None, accepted: str) -> Language:
    """The language in the URL, else the first one that the browser accepts, else Dutch."""
    if asked is not None:
        return "en" if asked == "en" else "nl"
    for language in accepted.lower().split(","):
        if language.strip().startswith(("nl", "en")):
            return "nl" if language.strip().startswith("nl") else "en"
    return "nl"
