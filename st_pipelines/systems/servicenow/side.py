"""One instance as an integration uses it: client, names, proofs, and whose records are ours. Invariant: a record is
ours where its ERP source is the profile's; the references that we know it by begin with ``prefix``."""

from dataclasses import dataclass, field

from st_pipelines.posting.target import WrongCompany
from st_pipelines.systems.servicenow.client import ServiceNow
from st_pipelines.systems.servicenow.identity import require_instance
from st_pipelines.systems.servicenow.profile import Profile, ProfileFault
from st_pipelines.systems.servicenow.proof import Proof
from st_pipelines.systems.servicenow.ready import require_tables


@dataclass(frozen=True)
class Instance:
    """``prefix``: ``QAD:<domain>``, of the one domain that the integration reads. ``quiet_period_s``: how long an
    import that was cut off may still be applied. ``stages``: entities of the profile's staging tables that are sent."""

    client: ServiceNow
    profile: Profile
    proof: Proof
    prefix: str
    quiet_period_s: float = 120.0
    stages: tuple[str, ...] = ()
    _said: set[str] = field(default_factory=set, repr=False, compare=False)

    @property
    def source(self) -> str:
        """The name of the ERP source that everything sent carries. Raises ``ProfileFault``."""
        if not self.profile.erp_source:
            raise ProfileFault("erp_source is missing: the name of the ERP source (sn_fin_erp_source) of what is sent")
        return self.profile.erp_source

    def check(self, company: str) -> None:
        """Raises ``WrongCompany`` where another instance is meant than the profile is written for."""
        if company != self.profile.instance_name:
            raise WrongCompany(f"the profile is for the instance {self.profile.instance_name!r}, not for {company!r}")

    def ask(self, company: str) -> None:
        """The same, and that the instance behind the address says this name: asked until it did, then known. Raises
        what it is unreachable by, too."""
        self.check(company)
        if company not in self._said:
            require_instance(self.client, company)
            self._said.add(company)

    def require_tables(self) -> None:
        """Raises ``NotProven`` where a table or column is missing that what is sent goes into."""
        require_tables(self.proof, self.profile, self.stages)

    def close(self) -> None:
        """Closes idle connections."""
        self.client.close()
