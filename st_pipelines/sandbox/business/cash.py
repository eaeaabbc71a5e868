"""Payments of a month: single, split, partial, on account, refunded. Invariant: one payment, one customer, one entity.

Only eligible invoices are paid. An application moves the invoice's ``modified`` too, because its balance falls.
"""

from random import Random

from st_pipelines.sandbox.business.calendar import TICKS, Month
from st_pipelines.sandbox.business.company import PAYMENT_TYPES, REFUND_TYPE, UNKNOWN_TYPE, PaymentType
from st_pipelines.sandbox.business.model import Application, Invoice, Payment
from st_pipelines.sandbox.business.numbering import Numbering
from st_pipelines.sandbox.business.sales import HOUR, deal, rng_ticks

# What becomes of an open invoice; the rest is paid exactly ("plain").
STORIES = {"unpaid": 2800, "partial": 500, "overpaid": 300, "refunded": 150, "later": 400, "deposit": 200,
           "pending": 200, "voided": 120, "exported": 500, "two_halves": 200}  # fmt: skip
SECOND_ACT = ("refunded", "later", "voided", "two_halves")


class Cash:
    """``run(invoices, statements)`` fills ``payments`` and raises the invoices' applied amounts."""

    def __init__(self, rng: Random, number: Numbering, month: Month, commercial: set[int]) -> None:
        self._rng, self._number, self._month, self._commercial = rng, number, month, commercial
        self.payments: list[Payment] = []

    def run(self, invoices: list[Invoice], statements: list[list[Invoice]]) -> None:
        in_statement = {one.id for group in statements for one in group}
        adjusted = {one.adjusts_id: one for one in invoices if one.adjusts_id is not None}
        owed = [one for one in invoices if one.is_eligible and one.total_cents > 0 and one.id not in in_statement]
        open_ones = [one for one in owed if one.id not in adjusted]
        for invoice, story in self._dealt(open_ones):
            self._tell(story, invoice)
        for invoice in owed:
            if invoice.id in adjusted:
                self._refund_adjustment(invoice, adjusted[invoice.id])
        for group in statements:
            self._settle(group, sum(one.total_cents for one in group), day=self._day(group[-1]) + 1)

    def _dealt(self, invoices: list[Invoice]) -> list[tuple[Invoice, str]]:
        """Stories to invoices, in the invoices' order; those with a second act to invoices that leave time for it."""
        deck = deal(self._rng, STORIES, len(invoices))
        early = [one.id for one in invoices if self._day(one) < len(self._month.days) - 15]
        self._rng.shuffle(early)
        long_ones = dict(zip(early, [one for one in deck if one in SECOND_ACT], strict=False))
        short_ones = iter([one for one in deck if one not in SECOND_ACT])
        return [(one, long_ones.get(one.id) or next(short_ones, "plain")) for one in invoices]

    def unknown_type(self, invoice: Invoice) -> None:
        """Money on account through a payment type that no mapping knows."""
        self._take(invoice, 4_200, self._day(invoice), UNKNOWN_TYPE)

    def _tell(self, story: str, invoice: Invoice) -> None:
        rng, total = self._rng, invoice.total_cents
        day = self._day(invoice) + (0 if rng.random() < 0.5 else rng.randrange(12))
        day = min(day, len(self._month.days) - 1)
        if story == "unpaid":
            return
        if story == "partial":
            self._settle([invoice], max(1, total * rng.randrange(20, 80) // 100), day)
        elif story in ("overpaid", "refunded"):
            extra = rng.randrange(100, 20_000)
            payment = self._settle([invoice], total + extra, day)
            if story == "refunded":
                self._refund(payment, -extra, day + 1 + rng.randrange(4))
        elif story == "later":
            payment = self._take(invoice, total, day)
            self._apply(payment, invoice, total, self._time(day + 1 + rng.randrange(6)))
        elif story == "deposit":
            self._take(invoice, rng.randrange(5_000, 100_000), day)
        elif story in ("pending", "voided"):
            payment = self._take(invoice, total, day)
            if story == "pending":
                payment.status, payment.batch = "Pending", None
            else:
                payment.active = False
                payment.modified = max(self._time(day + rng.randrange(1, 5)), payment.created + TICKS)
        elif story == "two_halves":
            self._settle([invoice], total // 2, day)
            self._settle([invoice], total - total // 2, day + 1)
        else:
            payment = self._settle([invoice], total, day)
            if story == "exported":
                payment.status = "Exported"

    def _refund_adjustment(self, parent: Invoice, credit: Invoice) -> None:
        """The parent was paid in full; the credit's whole amount goes back to the customer."""
        payment = self._settle([parent], parent.total_cents, self._day(parent))
        refund = self._refund(payment, credit.total_cents, self._day(credit) + 1)
        self._apply(refund, credit, credit.total_cents, refund.created)

    def _settle(self, invoices: list[Invoice], cents: int, day: int) -> Payment:
        """One payment applied at once, oldest invoice first, as far as it reaches."""
        payment = self._take(invoices[-1], cents, day)
        left = cents
        for invoice in invoices:
            share = min(left, invoice.total_cents - invoice.applied_cents)
            if share > 0:
                self._apply(payment, invoice, share, payment.created)
                left -= share
        return payment

    def _take(self, invoice: Invoice, cents: int, day: int, kind: PaymentType | None = None) -> Payment:
        choices = PAYMENT_TYPES[1:4] if invoice.customer_id in self._commercial else PAYMENT_TYPES[:3]
        kind = kind or self._rng.choice(choices)
        when = max(self._time(day), invoice.created + TICKS)
        index = self._month.index_of(when)
        identity = self._number("payment")
        payment = Payment(
            id=identity, number=str(identity)[-7:], status="Posted", customer_id=invoice.customer_id,
            business_unit_id=invoice.business_unit_id, payment_type_id=kind.id, payment_type=kind.name,
            account_id=kind.account_id, paid=self._month.day(index), total_cents=cents, created=when, modified=when,
            check_number=str(self._rng.randrange(100, 9999)) if kind.name == "Check" else None,
            memo=self._rng.choice((None, None, "paid on site", "remittance e-mail – see “Oct” file & stub")),
            batch=index + 1)  # fmt: skip
        self.payments.append(payment)
        return payment

    def _refund(self, payment: Payment, cents: int, day: int) -> Payment:
        when = max(self._time(day), payment.modified + TICKS)
        index = self._month.index_of(when)
        identity = self._number("payment")
        refund = Payment(
            id=identity, number=str(identity)[-7:], status="Posted", customer_id=payment.customer_id,
            business_unit_id=payment.business_unit_id, payment_type_id=REFUND_TYPE.id, payment_type=REFUND_TYPE.name,
            account_id=REFUND_TYPE.account_id, paid=self._month.day(index), total_cents=cents, created=when,
            modified=when, refunds_id=payment.id, memo=f"Refund of {payment.number}", batch=index + 1)  # fmt: skip
        self.payments.append(refund)
        return refund

    def _apply(self, payment: Payment, invoice: Invoice, cents: int, when: int) -> None:
        when = max(when, payment.created)
        payment.applications.append(
            Application(
                id=self._number("application"),
                invoice_id=invoice.id,
                invoice_number=invoice.number,
                cents=cents,
                applied=when,
            )
        )
        payment.modified = max(payment.modified, when)
        invoice.applied_cents += cents
        invoice.modified = max(invoice.modified, when)
        if invoice.applied_cents == invoice.total_cents:
            invoice.paid_on = when

    def _day(self, invoice: Invoice) -> int:
        return self._month.index_of(invoice.created)

    def _time(self, day: int) -> int:
        """Office hours of that day, at the latest of the month's last day."""
        return self._month.at(min(day, len(self._month.days) - 1), 9 * HOUR + rng_ticks(self._rng, 8))
