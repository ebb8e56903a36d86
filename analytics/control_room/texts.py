"""Every word of the control room, in Dutch and English."""

from __future__ import annotations

from typing import Literal

from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")

_TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Controlekamer", "Control room"),
    "sign_in": ("Aanmelden", "Sign in"),
    "sign_out": ("Afmelden", "Sign out"),
    "token": ("Token van de server", "The server's token"),
    "token_help": (
        "De inhoud van het bestand dat in server.toml als token_file staat.",
        "What stands in the file that server.toml names as token_file.",
    ),
    "wrong": ("Dat is niet het token van deze server.", "That is not this server's token."),
    "shut": ("Te veel verkeerde pogingen. Wacht een minuut.", "Too many wrong attempts. Wait a minute."),
    "no_script": ("Deze pagina heeft JavaScript nodig.", "This page needs JavaScript."),
    "kill_on": ("Alles intrekken", "Withdraw everything"),
    "kill_off": ("Weer aanbieden", "Offer again"),
    "kill_is_on": ("De noodschakelaar staat aan: niets wordt aangeboden.", "The kill switch is on: nothing is offered."),
    "kill_is_off": ("Er wordt aangeboden wat het beleid toelaat.", "What the policy allows is offered."),
    "kill_sure": (
        "Alles wat niet geboekt is wordt nu ingetrokken, ook wat gevraagd is. Zeker?",
        "Everything that is not booked is withdrawn now, also what is asked for. Sure?",
    ),
    "alerts": ("Waarschuwingen", "Alerts"),
    "no_alerts": ("Geen waarschuwingen.", "No alerts."),
    "approvals": ("Wacht op uw akkoord", "Waits for your approval"),
    "no_approvals": ("Er wacht niets.", "Nothing waits."),
    "approve": ("Aanbieden", "Offer"),
    "refuse": ("Niet aanbieden", "Do not offer"),
    "answer_by": ("Antwoord voor", "Answer by"),
    "machines": ("Machines nu", "Machines now"),
    "no_machines": ("Er is nog geen machine gehoord.", "No machine has been heard yet."),
    "since": ("sinds", "since"),
    "silent": ("niet gehoord sinds", "not heard since"),
    "today": ("Vandaag", "Today"),
    "utilisation": ("Veertien dagen: waar de uren bleven", "Fourteen days: where the hours went"),
    "forecast": ("Voorspelling: hoe waarschijnlijk vrij", "Forecast: how likely free"),
    "free": ("Vrij", "Free"),
    "on_offer": ("In aanbod", "On offer"),
    "all_machines": ("Alle machines", "All machines"),
    "machine": ("Machine", "Machine"),
    "slots": ("In aanbod", "On offer"),
    "no_slots": ("Niets in aanbod.", "Nothing on offer."),
    "from": ("Van", "From"),
    "until": ("Tot", "Until"),
    "sure": ("Zekerheid", "Probability"),
    "record": ("Eerder gebroken", "Broken before"),
    "of": ("van", "of"),
    "veto": ("Intrekken", "Withdraw"),
    "veto_sure": ("Deze uren intrekken en zelf houden?", "Withdraw these hours and keep them?"),
    "vetoes": ("Zelf gehouden uren", "Hours kept"),
    "lift": ("Weer vrijgeven", "Release"),
    "pending": ("Het platform toont dit nog niet; het wordt opnieuw geprobeerd.", "The platform does not show this yet; it is tried again."),
    "promises": ("Beloften nagegaan", "Promises checked"),
    "broken": ("gebroken", "broken"),
    "at_most": ("hoogstens", "at most"),
    "lost": ("Geen verbinding met de server; wat u ziet kan verouderd zijn.", "No connection to the server; what you see may be old."),
    "failed": ("Dat is niet gelukt:", "That did not work:"),
    "gateways": ("Gateways", "Gateways"),
    "no_gateways": ("Er is nog geen gateway gehoord.", "No gateway has been heard yet."),
    "online": ("verbonden", "online"),
    "offline": ("niet verbonden", "offline"),
    "waits": ("meldingen wachten", "reports wait"),
    "missing": ("ontbreken", "missing"),
    "hours": ("uur", "hours"),
    "other_language": ("English", "Nederlands"),
}  # fmt: skip


def texts(language: Language) -> dict[str, str]:
    """All of them; states under `state_…`, losses under `loss_…`."""
    place = LANGUAGES.index(language)
    found = {key: both[place] for key, both in _TEXTS.items()}
    found |= {f"state_{state.value}": both[place] for state, both in STATE_TEXTS.items()}
    return found | {f"loss_{name}": both[place] for name, both in LOSS_TEXTS.items()}


def language_of(asked: str | None, accepted: str) -> Language:
    """What the address asks for, else what the browser prefers, else Dutch."""
    if asked is not None:
        return "en" if asked == "en" else "nl"
    for one in accepted.lower().split(","):
        if one.strip().startswith(("nl", "en")):
            return "nl" if one.strip().startswith("nl") else "en"
    return "nl"
