"""Names and addresses, ordinary and awkward. Invariant: the awkward ones always come first, whatever the size.

Awkward means: Unicode beyond Latin-1, apostrophes, ampersands, markup characters, quotes, the same name twice,
more than 36 characters (a common limit of accounting systems) and nearly 100.
"""

from random import Random

from st_pipelines.sandbox.business.model import Address

AWKWARD_RESIDENTIAL = (
    "O'Brien, Siobhán",
    "D’Angelo, Łucja & José",
    "Nguyễn Thị Minh-Châu",
    "Smith, John",
    "Smith, John",
    "Ærøskøbing-Jørgensen, Bjørn Åge",
    "山田 太郎",
    'Robert "Bobby" Tables',
    "Zoë & Noël Müller-Lüdenscheidt-Grünwald-Österreicher",
    "Estate of Margaret-Anne Featherstonehaugh-Cholmondeley (c/o her granddaughter Wilhelmina Featherstone)",
)
AWKWARD_COMMERCIAL = (
    "Barnes & Noble #2451 <Domain>",
    "O'Reilly's Tex-Mex Café, LLC",
    "The Lakeside Homeowners & Condominium Association of Greater Travis County",
    "Smith & Sons",
    "Smith & Sons",
    "Crédit Agricole – 2nd Floor; Suite 200",
    "St. Mary's / St. Joseph's Parish Hall",
    "Consolidated Amalgamated Property Management Holdings of the Upper Midwest and Great Lakes, LLC",
    "100% Natural Foods, Inc.",
    "Kraków Bäckerei = Fresh Bread | Daily",
)
FIRST = ("Ada", "Dmitri", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jamal", "Kate", "Liam", "Mona",
         "Nils", "Olga", "Pedro", "Quinn", "Rosa", "Sven", "Tara", "Uma", "Victor", "Zoë")  # fmt: skip
LAST = ("Abbott", "Barros", "Castillo", "Dubois", "Eriksen", "Fischer", "García", "Hansen", "Ivanov", "Jones", "Kim",
        "Lopez", "Moreau", "Novak", "Ortiz", "Patel", "Quiroga", "Rossi", "Schmidt", "Tanaka", "Ueda", "Vargas",
        "Walker", "Xu", "Young", "Zimmermann")  # fmt: skip
TRADES = ("Dental Group", "Apartments", "Brewing Co.", "Elementary School", "Logistics", "Property Partners", "Church",
          "Fitness", "Self Storage", "Bakery", "Law Office", "Auto Body")  # fmt: skip
STREETS = ("Main St", "N Lamar Blvd", "Congress Ave", "Oak Hollow Dr", "S 1st St", "W Wisconsin Ave", "Água Fria Ln",
           "County Road 1826", "Martin Luther King Jr. Blvd", "O'Hara Ct")  # fmt: skip
VENDORS = (
    "Johnstone Supply",
    "Ferguson Enterprises",
    "Grainger & Co.",
    "O'Neal Steel & Sheet Metal",
    "Gebrüder Käufer Heizungstechnik GmbH & Co. KG",
    "Morsco/Moore Supply",
    "Smith & Sons",
    "Consolidated Electrical Distributors of Central Texas and the Hill Country, Inc.",
    "Winsupply <Austin>",
    "Société Générale de Plomberie",
    "Baker Distributing",
    "Lennox Stores",
)
_PLACES = {1: (("Austin", "TX", 78701), ("Round Rock", "TX", 78664), ("Bee Cave", "TX", 78738)),
           2: (("Milwaukee", "WI", 53202), ("Wauwatosa", "WI", 53213))}  # fmt: skip


def customer_name(rng: Random, position: int, is_commercial: bool) -> str:
    awkward = AWKWARD_COMMERCIAL if is_commercial else AWKWARD_RESIDENTIAL
    if position < len(awkward):
        return awkward[position]
    if is_commercial:
        return f"{rng.choice(LAST)} {rng.choice(TRADES)}"
    return f"{rng.choice(LAST)}, {rng.choice(FIRST)}"


def vendor_name(rng: Random, position: int) -> str:
    return VENDORS[position] if position < len(VENDORS) else f"{rng.choice(LAST)} Supply {position}"


def address(rng: Random, entity: int) -> Address:
    city, state, code = rng.choice(_PLACES[entity])
    unit = rng.choice(("", "", "", "Apt #4B", "Suite 200", "Bldg. C & D"))
    return Address(f"{rng.randrange(100, 9900)} {rng.choice(STREETS)}", unit, city, state, str(code + rng.randrange(8)))


def phone(rng: Random) -> str:
    return rng.choice(("({a}) 555-{b:04d}", "{a}555{b:04d}", "+1 {a} 555 {b:04d}")).format(
        a=rng.choice((512, 737, 414)), b=rng.randrange(10_000)
    )
