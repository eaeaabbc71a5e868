"""What no seed changes about the demo company. Invariant: the same facts as the demo mapping tables."""

from fractions import Fraction

import msgspec

TENANT = "1234567"
ZONE = "America/Chicago"


class BusinessUnit(msgspec.Struct, frozen=True):
    """``entity``: the legal entity (1 or 2) in whose books this unit's documents land."""

    id: int
    name: str
    entity: int
    city: str
    state: str
    trade: str


class Account(msgspec.Struct, frozen=True):
    id: int
    number: str
    name: str
    kind: str
    detail: str
    default_for: str | None = None


class PaymentType(msgspec.Struct, frozen=True):
    id: int
    name: str
    account_id: int


class TaxZone(msgspec.Struct, frozen=True):
    id: int
    name: str
    rate: Fraction
    rate_text: str


class Term(msgspec.Struct, frozen=True):
    id: int
    name: str
    days: int


BUSINESS_UNITS = (
    BusinessUnit(101, "HVAC Service", 1, "Austin", "TX", "HVAC"),
    BusinessUnit(102, "HVAC Install", 1, "Austin", "TX", "HVAC"),
    BusinessUnit(103, "Plumbing Service", 1, "Austin", "TX", "Plumbing"),
    BusinessUnit(104, "Plumbing Install", 1, "Austin", "TX", "Plumbing"),
    BusinessUnit(105, "Electrical Service", 1, "Austin", "TX", "Electrical"),
    BusinessUnit(106, "HVAC Milwaukee", 2, "Milwaukee", "WI", "HVAC"),
    BusinessUnit(107, "Solar Pilot", 1, "Austin", "TX", "Electrical"),
)
UNMAPPED_UNIT = 107

ACCOUNTS = (
    Account(9001, "4000", "Service Revenue", "Income", "ServiceFeeIncome", "Revenue"),
    Account(9002, "4100", "Material Revenue", "Income", "SalesOfProductIncome"),
    Account(9003, "4200", "Equipment Revenue", "Income", "SalesOfProductIncome"),
    Account(9004, "4300", "Membership Revenue", "Income", "ServiceFeeIncome", "MembershipRevenue"),
    Account(9005, "4900", "Discounts Given", "Income", "DiscountsRefundsGiven"),
    Account(9011, "5000", "Cost of Materials", "Cost of Goods Sold", "SuppliesMaterials", "CostOfGoodsSoldMaterials"),
    Account(9012, "5100", "Cost of Equipment", "Cost of Goods Sold", "SuppliesMaterials", "CostOfGoodsSoldEquipment"),
    Account(9013, "5200", "Inbound Freight", "Cost of Goods Sold", "ShippingFreight", "CostOfGoodsSoldShipping"),
    Account(9014, "5300", "Purchase Tax", "Cost of Goods Sold", "OtherCostsOfServiceCos", "CostOfGoodsSoldTax"),
    Account(9015, "5400", "Other Purchase Cost", "Cost of Goods Sold", "OtherCostsOfServiceCos"),
    Account(9021, "1200", "Accounts Receivable", "Accounts Receivable", "AccountsReceivable", "AccountsReceivable"),
    Account(9022, "2000", "Accounts Payable", "Accounts Payable", "AccountsPayable", "AccountsPayable"),
    Account(9023, "2200", "Sales Tax Payable", "Other Current Liability", "SalesTaxPayable", "SalesTaxPayable"),
    Account(9024, "1010", "Operating Bank", "Bank", "Checking", "CheckingAccount"),
    Account(9025, "1020", "Card Clearing", "Bank", "CashOnHand"),
    Account(9026, "1030", "Undeposited Funds", "Other Current Asset", "UndepositedFunds", "UndepositedFunds"),
)  # fmt: skip
RECEIVABLE, PAYABLE, SALES_TAX, FREIGHT, PURCHASE_TAX, OTHER_COST = 9021, 9022, 9023, 9013, 9014, 9015

PAYMENT_TYPES = (
    PaymentType(501, "Cash", 9026),
    PaymentType(502, "Check", 9026),
    PaymentType(503, "Credit Card", 9025),
    PaymentType(504, "ACH", 9024),
    PaymentType(505, "Refund Check", 9024),
)
REFUND_TYPE = PAYMENT_TYPES[4]
UNKNOWN_TYPE = PaymentType(599, "Crypto Wallet", 9024)

TAX_ZONES = (
    TaxZone(301, "Austin TX", Fraction(825, 10_000), "0.0825"),
    TaxZone(302, "Milwaukee WI", Fraction(55, 1_000), "0.055"),
    TaxZone(303, "Exempt", Fraction(0), "0"),
)
EXEMPT_ZONE = 303
ZONE_OF_ENTITY = {1: 301, 2: 302}
UNITS_OF_ENTITY = {1: (101, 102, 103, 104, 105), 2: (106,)}

TERMS = (
    Term(401, "Due Upon Receipt", 0),
    Term(402, "Net 15", 15),
    Term(403, "Net 30", 30),
    Term(404, "Net 45", 45),
)

UNIT = {one.id: one for one in BUSINESS_UNITS}
ACCOUNT = {one.id: one for one in ACCOUNTS}
TAX_ZONE = {one.id: one for one in TAX_ZONES}
TERM = {one.id: one for one in TERMS}
TERM_DAYS = {one.name: one.days for one in TERMS}


class Sku(msgspec.Struct, frozen=True):
    """``price_cents`` what a customer pays, ``unit_cost`` (ten-thousandths) what a vendor asks."""

    id: int
    code: str
    name: str
    kind: str
    price_cents: int
    unit_cost: int
    account_id: int
    trade: str
    taxable: bool
    membership_type_id: int = 0


SERVICES = (
    Sku(20001, "SVC-DIAG", "Diagnostic visit", "Service", 8900, 0, 9001, "HVAC", False),
    Sku(20002, "SVC-TUNE", "Seasonal tune-up", "Service", 18950, 0, 9001, "HVAC", False),
    Sku(20003, "SVC-LABOR", "Technician labor, hourly", "Service", 13500, 0, 9001, "HVAC", False),
    Sku(20004, "SVC-DRAIN", "Drain clearing – main line", "Service", 32500, 0, 9001, "Plumbing", False),
    Sku(20005, "SVC-LEAK", "Leak search & repair", "Service", 24999, 0, 9001, "Plumbing", False),
    Sku(20006, "SVC-PANEL", "Panel inspection", "Service", 15900, 0, 9001, "Electrical", False),
    Sku(20007, "SVC-OUTLET", "Outlet / switch replacement", "Service", 11033, 0, 9001, "Electrical", False),
)
MEMBERSHIPS = (
    Sku(20101, "MEMBERSHIP-GOLD-YEAR", "Gold comfort plan, one year", "Service", 19900, 0, 9004, "HVAC", False, 71),
    Sku(20102, "MEMBERSHIP-SILVER-MONTH", "Silver plan, one month", "Service", 1995, 0, 9004, "HVAC", False, 72),
)
MATERIALS = (
    Sku(21001, "MAT-FILTER", 'Pleated filter 20"x25"x1"', "Material", 2499, 81250, 9002, "HVAC", True),
    Sku(21002, "MAT-R410A", "Refrigerant R-410A, lb", "Material", 8950, 312500, 9002, "HVAC", True),
    Sku(21003, "MAT-CAP", "Run capacitor 45/5 µF 440 V", "Material", 15777, 118400, 9002, "HVAC", True),
    Sku(21004, "MAT-PEX", 'PEX pipe ¾", foot', "Material", 333, 4625, 9002, "Plumbing", True),
    Sku(21005, "MAT-VALVE", "Quarter-turn stop valve", "Material", 4515, 97575, 9002, "Plumbing", True),
    Sku(21006, "MAT-BREAKER", "Breaker 20 A <AFCI>", "Material", 7999, 421900, 9002, "Electrical", True),
    Sku(21007, "MAT-WIRE", "Wire 12/2, foot", "Material", 199, 6150, 9002, "Electrical", True),
)
EQUIPMENT = (
    Sku(22001, "EQ-FURNACE", "Gas furnace 80k BTU 96 %", "Equipment", 389900, 17_499_900, 9003, "HVAC", True),
    Sku(22002, "EQ-CONDENSER", "Condenser 3 t 16 SEER2", "Equipment", 452500, 21_350_000, 9003, "HVAC", True),
    Sku(22003, "EQ-HEATER", "Water heater 50 gal", "Equipment", 178995, 6_899_500, 9003, "Plumbing", True),
    Sku(22004, "EQ-CHARGER", "EV charger 48 A", "Equipment", 99900, 5_120_000, 9003, "Electrical", True),
)
DISCOUNTS = (
    Sku(23001, "DISC-MEMBER", "Member discount", "PriceModifier", 0, 0, 9005, "", False),
    Sku(23002, "DISC-COUPON", "Coupon – “$ off”", "PriceModifier", 0, 0, 9005, "", True),
)
COST_ACCOUNT = {"Material": 9011, "Equipment": 9012}
