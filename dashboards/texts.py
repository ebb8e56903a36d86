"""Every word of the dashboards, in Dutch and English."""

from __future__ import annotations

from typing import Literal

from telemetry import MachineState
from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")

_TEXTS: dict[str, tuple[str, str]] = LOSS_TEXTS | {
    "factory_now": ("Fabriek nu", "Factory now"),
    "where_hours_go": ("Waar de uren blijven", "Where the hours go"),
    "spare_capacity": ("Vrije capaciteit", "Spare capacity"),
    "machine_page": ("Machine", "Machine"),
    "pipe_health": ("Gezondheid van de keten", "Health of the pipe"),
    "factory": ("Fabriek", "Factory"),
    "group": ("Groep", "Group"),
    "machine": ("Machine", "Machine"),
    "shift": ("Ploeg", "Shift"),
    "week": ("Week", "Week"),
    "weekday": ("Weekdag", "Weekday"),
    "now": ("Nu", "Now"),
    "today": ("Vandaag", "Today"),
    "state": ("Toestand", "State"),
    "since": ("Sinds", "Since"),
    "heard": ("Laatst gehoord", "Last heard"),
    "producing": ("Machines die draaien", "Machines that are executing"),
    "silent": ("Machines die niemand hoort", "Machines that nobody hears"),
    "all_heard": ("Alle machines worden gehoord", "All machines are heard"),
    "used_against": (
        "Benutting: vandaag tot nu, en de vier weken ervoor (APT / kalenderuren)",
        "Utilisation: today so far, and the four weeks before (APT / calendar hours)",
    ),
    "four_weeks": ("Vier weken", "Four weeks"),
    "losses": ("Alle uren, naar wat ermee gebeurde", "All hours, by what became of them"),
    "losses_week": ("Per week", "By week"),
    "losses_shift": ("Per ploeg", "By shift"),
    "losses_machine": ("Per machine", "By machine"),
    "free_heat": ("Vrije uren naar weekdag en uur van de dag", "Free hours by weekday and hour of the day"),
    "groups": ("Groepen vergeleken", "Groups compared"),
    "calendar_use": ("APT / kalenderuren", "APT / calendar hours"),
    "efficiency": ("APT / AUBT", "APT / AUBT"),
    "coverage": ("Bekend / kalenderuren", "Known / calendar hours"),
    "unused": ("Laatste dag met productie, langst geleden eerst", "Last day with production, longest ago first"),
    "day": ("Dag", "Day"),
    "hours": ("Uren", "Hours"),
    "capacity": ("Uren per dag: voorspeld vrij, aangeboden, gevraagd, geboekt, gebroken", "Hours a day: forecast free, offered, asked for, booked, broken"),
    "forecast": ("Voorspeld vrij", "Forecast free"),
    "offered": ("Aangeboden", "Offered"),
    "held": ("Gevraagd", "Asked for"),
    "booked": ("Geboekt", "Booked"),
    "promises": ("Beloften per dag", "Promises by day"),
    "kept": ("Gehouden", "Kept"),
    "broken": ("Gebroken", "Broken"),
    "withdrawn": ("Tijdig ingetrokken", "Withdrawn in time"),
    "reliability": ("Betrouwbaarheid: wat beloofd werd, en hoe vaak het uitkwam", "Reliability: what was promised, and how often it held"),
    "promised": ("Beloofd", "Promised"),
    "checked": ("Nagegaan", "Checked"),
    "earned": ("Geboekt, in euro zonder btw", "Booked, in euros without VAT"),
    "left": ("Blijven liggen, in euro zonder btw", "Left lying, in euros without VAT"),
    "waiting": ("Wacht op uw akkoord", "Waits for your approval"),
    "none_waiting": ("Er wacht niets", "Nothing waits"),
    "end": ("Einde", "End"),
    "start": ("Begin", "Start"),
    "probability": ("Zekerheid", "Probability"),
    "answer_by": ("Antwoord voor", "Answer by"),
    "broken_share": ("Gebroken beloften, en wat hoogstens mag", "Broken promises, and the most that may be"),
    "bound": ("Hoogstens", "At most"),
    "days": ("Dagen", "Days"),
    "power": ("Vermogen, waar gemeten", "Power, where measured"),
    "forecast_beside": ("Voorspelling naast wat kwam", "Forecast beside what came"),
    "came": ("Was vrij", "Was free"),
    "slots": ("Uren in aanbod", "Hours on offer"),
    "no_slots": ("Niets in aanbod", "Nothing on offer"),
    "gateways": ("Gateways", "Gateways"),
    "gateway": ("Gateway", "Gateway"),
    "online": ("Verbonden", "Online"),
    "yes": ("ja", "yes"),
    "no": ("nee", "no"),
    "outbox": ("Berichten in de outbox", "Reports in the outbox"),
    "version": ("Versie", "Version"),
    "latency": ("Van meting tot opslag", "From reading to store"),
    "mean": ("Gemiddeld", "Mean"),
    "lag": ("Oudste dat wacht", "Oldest that waits"),
    "gaps": ("Ontbrekende meldingen", "Missing reports"),
    "quarantine": ("In quarantaine", "In quarantine"),
    "store": ("Opslag en broker", "Store and broker"),
    "failing": ("Opslag weigert", "Store fails"),
    "connected": ("Broker verbonden", "Broker connected"),
    "publisher": ("Publicatie", "Publisher"),
    "pending": ("Nog af te leveren", "Delivery pending"),
    "round_age": ("Laatste ronde geleden", "Last round ago"),
    "kill_switch": ("Noodschakelaar", "Kill switch"),
    "stopped": ("Publiceren gestopt", "Publishing stopped"),
    "alert_gateway": ("Gateway zwijgt", "Gateway silent"),
    "alert_gateway_do": (
        "Gateway {{ $labels.gateway }} van {{ $labels.factory }} is niet verbonden. Kijk of hij stroom en netwerk heeft; `vrijloop agent status` zegt hoe het met hem is.",
        "Gateway {{ $labels.gateway }} of {{ $labels.factory }} is not connected. See whether it has power and network; `vrijloop agent status` says how it is.",
    ),
    "alert_gaps": ("Meldingen ontbreken", "Reports are missing"),
    "alert_gaps_do": (
        "Van gateway {{ $labels.gateway }} kwamen in de laatste dag meldingen niet aan. `vrijloop ingest gaps` zegt welke.",
        "Reports of gateway {{ $labels.gateway }} did not arrive in the last day. `vrijloop ingest gaps` says which.",
    ),
    "alert_promises": ("Te veel gebroken beloften", "Too many broken promises"),
    "alert_promises_do": (
        "Er werden meer beloften gebroken dan het beleid toestaat. Zie het dashboard Vrije capaciteit.",
        "More promises were broken than the policy allows. See the dashboard Spare capacity.",
    ),
    "alert_booking": ("Boeking in gevaar", "Booking endangered"),
    "alert_booking_do": (
        "Een geboekte machine is misschien niet vrij. De controlekamer en `/api/v1/alerts` zeggen welke en waarom.",
        "A machine that is booked may not be free. The control room and `/api/v1/alerts` say which and why.",
    ),
    "alert_approval": ("Uren wachten op akkoord", "Hours wait for approval"),
    "alert_approval_do": (
        "Uren worden pas aangeboden als u ze goedkeurt: in de controlekamer, of met `vrijloop approvals list`.",
        "Hours are offered only once you approve them: in the control room, or with `vrijloop approvals list`.",
    ),
    "weekdays": ("ma,di,wo,do,vr,za,zo", "Mon,Tue,Wed,Thu,Fri,Sat,Sun"),
}  # fmt: skip


def text(key: str, language: Language) -> str:
    return _TEXTS[key][LANGUAGES.index(language)]


def state_text(state: MachineState, language: Language) -> str:
    return STATE_TEXTS[state][LANGUAGES.index(language)]
