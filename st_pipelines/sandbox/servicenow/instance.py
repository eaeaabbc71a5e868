"""The parts of one instance, put together. Invariant: all of them look at the same rows."""

from st_pipelines.sandbox.books import Books
from st_pipelines.sandbox.clock import Clock
from st_pipelines.sandbox.options import SandboxOptions
from st_pipelines.sandbox.servicenow import echo, outbound, progress
from st_pipelines.sandbox.servicenow.actions import Actions
from st_pipelines.sandbox.servicenow.administration import Administration
from st_pipelines.sandbox.servicenow.auth import Auth
from st_pipelines.sandbox.servicenow.batch import Batch
from st_pipelines.sandbox.servicenow.door import Door
from st_pipelines.sandbox.servicenow.import_sets import ImportSets
from st_pipelines.sandbox.servicenow.mutations import Mutations
from st_pipelines.sandbox.servicenow.payables import Payables
from st_pipelines.sandbox.servicenow.push import Push
from st_pipelines.sandbox.servicenow.rate import RateRules
from st_pipelines.sandbox.servicenow.reading import Reading
from st_pipelines.sandbox.servicenow.rights import Rights
from st_pipelines.sandbox.servicenow.rows import Rows
from st_pipelines.sandbox.servicenow.schema import Schema
from st_pipelines.sandbox.servicenow.selecting import Selecting
from st_pipelines.sandbox.servicenow.settings import CurrentSettings
from st_pipelines.sandbox.servicenow.supplier_mail import SupplierMail
from st_pipelines.sandbox.servicenow.table_api import TableApi
from st_pipelines.sandbox.servicenow.transforming import Transforming


class Instance:
    """``rows`` are the data; the rest are ways to them."""

    def __init__(self, books: Books, clock: Clock, settings: CurrentSettings, options: SandboxOptions) -> None:
        self.rows = rows = Rows(books, clock, Schema(books), settings)
        rights = Rights(rows)
        reading = Reading(rows, rights, settings)
        selecting = Selecting(rows, rights, reading, settings)
        self.auth = Auth(rows, rights, settings)
        self.tables = TableApi(rows, rights, reading, selecting, settings)
        self.imports = ImportSets(rows, rights, Transforming(rows), settings)
        self.batch = Batch(settings)
        self.door = Door(self.auth, RateRules(rows, settings), settings, self.imports.run_due)
        payables, mutations = Payables(rows, settings), Mutations(rows, selecting)
        mail = SupplierMail(rows, payables, options)
        self.actions = Actions(rows, payables, mail, Administration(rows), mutations, self.imports)
        progress.install_rules(rows)
        outbound.install_rules(rows)
        echo.install_rules(rows, settings)
        self.push = Push(rows, settings)
