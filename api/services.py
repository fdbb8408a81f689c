"""The parts that the HTTP API calls, built by the composition root and handed to `api.http.app.create_app`."""

from dataclasses import dataclass

from api.settings import Settings
from ledger.books.closing import PeriodClosing
from ledger.event_log import EventLog
from ledger.ingestion import Ingestion
from ledger.payouts.review import PayoutReview
from ledger.payouts.todo import TodoList
from ledger.people import PeopleDirectory
from ledger.proof.seals import Seals
from ledger.reconciliation.reconciling import Reconciling
from projections.journal import Journal
from projections.journal_month import MonthsOfJournal
from projections.journal_stretch import JournalStretch
from projections.own_reads import OwnReads
from projections.queries import ReadModels
from projections.replay import Replay
from projections.story import Stories


@dataclass(frozen=True, slots=True)
class Services:
    """None of it connects before it is used: the API starts, and answers 503, while the database is away."""

    settings: Settings
    database_url: str
    """The URL as its own user; asked only for the schema's revision."""
    log: EventLog
    ingestion: Ingestion
    read_models: ReadModels
    own_reads: OwnReads
    """Of the event loop that serves; nobody else enters it."""
    journal: Journal
    journal_stretch: JournalStretch
    months: MonthsOfJournal
    closing: PeriodClosing
    replay: Replay
    stories: Stories
    people: PeopleDirectory
    seals: Seals
    todo: TodoList
    review: PayoutReview
    reconciling: Reconciling
