"""The texts of the dashboards, in Dutch and English."""

from __future__ import annotations

from typing import Literal

from telemetry import MachineState
from telemetry.appearance import LOSS_TEXTS, STATE_TEXTS

Language = Literal["nl", "en"]
LANGUAGES: tuple[Language, ...] = ("nl", "en")

_TEXTS: dict[str, tuple[str, str]] = {name: (names["nl"], names["en"]) for name, names in LOSS_TEXTS.items()} | {
    "factory_now": ("Fabriek nu", "Factory now"),
    "where_hours_go": ("Waar de uren naartoe gaan", "Where the hours go"),
    "spare_capacity": ("Vrije capaciteit", "Spare capacity"),
    "machine_page": ("Machine", "Machine"),
    "pipe_health": ("Status van de keten", "Pipeline health"),
    "factory": ("Fabriek", "Factory"),
    "group": ("Groep", "Group"),
    "machine": ("Machine", "Machine"),
    "shift": ("Ploeg", "Shift"),
    "week": ("Week", "Week"),
    "weekday": ("Dag van de week", "Weekday"),
    "now": ("Nu", "Now"),
    "today": ("Vandaag", "Today"),
    "state": ("Toestand", "State"),
    "since": ("Sinds", "Since"),
    "heard": ("Laatste contact", "Last contact"),
    "producing": ("Draaiende machines", "Machines executing"),
    "silent": ("Machines zonder contact", "Machines without contact"),
    "all_heard": ("Contact met alle machines", "Contact with all machines"),
    "used_against": (
        "Bezettingsgraad: vandaag tot nu en de vier weken ervoor (APT / kalenderuren)",
        "Utilisation: today so far and the four weeks before (APT / calendar hours)",
    ),
    "four_weeks": ("Vier weken", "Four weeks"),
    "losses": ("Alle uren per categorie", "All hours by category"),
    "losses_week": ("Per week", "By week"),
    "losses_shift": ("Per ploeg", "By shift"),
    "losses_machine": ("Per machine", "By machine"),
    "free_heat": ("Vrije uren per weekdag en uur van de dag", "Free hours by weekday and hour of the day"),
    "groups": ("Groepen vergeleken", "Groups compared"),
    "calendar_use": ("APT / kalenderuren", "APT / calendar hours"),
    "efficiency": ("APT / AUBT", "APT / AUBT"),
    "coverage": ("Bekend / kalenderuren", "Known / calendar hours"),
    "unused": ("Laatste dag met productie, oudste eerst", "Last day with production, oldest first"),
    "day": ("Dag", "Day"),
    "hours": ("Uren", "Hours"),
    "capacity": ("Uren per dag: voorspeld vrij, aangeboden, aangevraagd, geboekt, niet nagekomen", "Hours per day: forecast free, offered, requested, booked, broken"),
    "forecast": ("Voorspeld vrij", "Forecast free"),
    "offered": ("Aangeboden", "Offered"),
    "held": ("Aangevraagd", "Requested"),
    "booked": ("Geboekt", "Booked"),
    "promises": ("Beloften per dag", "Promises per day"),
    "promises_counted": ("Hoe beloften geteld worden", "How promises are counted"),
    "promises_how": (
        "Beloften worden per tijdvak geteld: elk tijdvak dat geboekt had kunnen worden, telt één keer, en is nagekomen als de machine al die tijd vrij was. Voor het aandeel niet-nagekomen beloften tellen de tijdvakken van twee, vier en acht uur; per dag en in de tabel telt elk aangeboden tijdvak in zijn geheel.",
        "Promises are counted by window: every window that could have been booked counts once, and was kept if the machine was free throughout. The share of broken promises counts windows of two, four and eight hours; by day and in the table every window on offer counts as a whole.",
    ),
    "kept": ("Nagekomen", "Kept"),
    "broken": ("Niet nagekomen", "Broken"),
    "withdrawn": ("Tijdig ingetrokken", "Withdrawn in time"),
    "reliability": ("Betrouwbaarheid: beloofde kans en aandeel nagekomen", "Reliability: promised probability and share kept"),
    "promised": ("Beloofd", "Promised"),
    "checked": ("Getoetst", "Checked"),
    "earned": ("Geboekt, in euro excl. btw", "Booked, in euros excl. VAT"),
    "left": ("Niet geboekt, in euro excl. btw", "Not booked, in euros excl. VAT"),
    "waiting": ("Wacht op uw goedkeuring", "Waiting for your approval"),
    "none_waiting": ("Er is niets goed te keuren", "Nothing to approve"),
    "end": ("Einde", "End"),
    "start": ("Begin", "Start"),
    "probability": ("Kans", "Probability"),
    "answer_by": ("Antwoord vóór", "Answer by"),
    "broken_share": ("Aandeel niet-nagekomen beloften en toegestaan maximum", "Share of broken promises and permitted maximum"),
    "bound": ("Maximum", "Maximum"),
    "days": ("Dagen", "Days"),
    "power": ("Vermogen (indien gemeten)", "Power (if measured)"),
    "forecast_beside": ("Voorspelling en werkelijkheid", "Forecast and actual"),
    "came": ("Werkelijk vrij", "Actually free"),
    "slots": ("Aangeboden uren", "Hours on offer"),
    "no_slots": ("Er wordt niets aangeboden", "Nothing on offer"),
    "gateways": ("Gateways", "Gateways"),
    "gateway": ("Gateway", "Gateway"),
    "online": ("Verbonden", "Online"),
    "yes": ("ja", "yes"),
    "no": ("nee", "no"),
    "outbox": ("Meldingen in de wachtrij", "Reports queued"),
    "version": ("Versie", "Version"),
    "latency": ("Vertraging van meting tot opslag", "Latency from reading to store"),
    "mean": ("Gemiddeld", "Mean"),
    "lag": ("Oudste wachtende bericht", "Oldest waiting message"),
    "gaps": ("Ontbrekende meldingen", "Missing reports"),
    "quarantine": ("In quarantaine", "In quarantine"),
    "store": ("Opslag en broker", "Store and broker"),
    "failing": ("Opslag mislukt", "Store failing"),
    "connected": ("Broker verbonden", "Broker connected"),
    "publisher": ("Publicatie", "Publisher"),
    "pending": ("Nog te versturen", "Pending deliveries"),
    "round_age": ("Tijd sinds laatste ronde", "Time since last round"),
    "kill_switch": ("Noodschakelaar", "Kill switch"),
    "stopped": ("Publiceren gestopt", "Publishing stopped"),
    "alert_gateway": ("Gateway offline", "Gateway offline"),
    "alert_gateway_do": (
        "Gateway {{ $labels.gateway }} van {{ $labels.factory }} is niet verbonden. Controleer stroom en netwerk; `vrijloop agent status` toont de toestand van de gateway.",
        "Gateway {{ $labels.gateway }} of {{ $labels.factory }} is not connected. Check its power and network; `vrijloop agent status` shows its status.",
    ),
    "alert_gaps": ("Er ontbreken meldingen", "Reports missing"),
    "alert_gaps_do": (
        "Van gateway {{ $labels.gateway }} zijn in de laatste 24 uur meldingen niet aangekomen. `vrijloop ingest gaps` toont welke.",
        "Reports from gateway {{ $labels.gateway }} went missing in the last 24 hours. `vrijloop ingest gaps` shows which.",
    ),
    "alert_certificate": ("Een certificaat vervalt binnen 30 dagen", "A certificate expires within 30 days"),
    "alert_certificate_do": (
        "Fabriek {{ $labels.factory }}: {{ $labels.certificate }}. Vernieuw het op tijd: `vrijloop secrets rotate`, of waar het vandaan komt.",
        "Factory {{ $labels.factory }}: {{ $labels.certificate }}. Renew it in time: `vrijloop secrets rotate`, or where it comes from.",
    ),
    "alert_gateway_certificate": (
        "Een certificaat van een gateway vervalt binnen 30 dagen",
        "A certificate of a gateway expires within 30 days",
    ),
    "alert_gateway_certificate_do": (
        "Gateway {{ $labels.gateway }} van {{ $labels.factory }}: `vrijloop agent status` op de gateway zegt welk certificaat.",
        "Gateway {{ $labels.gateway }} of {{ $labels.factory }}: `vrijloop agent status` on the gateway says which certificate.",
    ),
    "alert_promises": ("Te veel niet-nagekomen beloften", "Too many broken promises"),
    "alert_promises_do": (
        "Er zijn meer beloften niet nagekomen dan het beleid toestaat. Zie het dashboard “Vrije capaciteit”.",
        "More promises were broken than the policy allows. See the dashboard “Spare capacity”.",
    ),
    "alert_booking": ("Boeking in gevaar", "Booking at risk"),
    "alert_booking_do": (
        "Een geboekte machine is mogelijk niet vrij. De controlekamer en `/api/v1/alerts` tonen welke en waarom.",
        "A booked machine may not be free. The control room and `/api/v1/alerts` show which and why.",
    ),
    "alert_approval": ("Uren wachten op goedkeuring", "Hours waiting for approval"),
    "alert_approval_do": (
        "Deze uren worden pas aangeboden nadat u ze hebt goedgekeurd, in de controlekamer of met `vrijloop approvals list`.",
        "These hours are offered only after you approve them, in the control room or with `vrijloop approvals list`.",
    ),
    "weekdays": ("ma,di,wo,do,vr,za,zo", "Mon,Tue,Wed,Thu,Fri,Sat,Sun"),
}  # fmt: skip


def text(key: str, language: Language) -> str:
    return _TEXTS[key][LANGUAGES.index(language)]


def state_text(state: MachineState, language: Language) -> str:
    return STATE_TEXTS[state][language]
