import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import httpx2
import pytest

from accordant.simulators.workday import WorkdaySimulator

WD = "{urn:com.workday/bsvc}"
ENVELOPE = """<?xml version="1.0"?>
<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:wd="urn:com.workday/bsvc"
 xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">
<env:Header><wsse:Security><wsse:UsernameToken><wsse:Username>{user}</wsse:Username>
<wsse:Password>{password}</wsse:Password></wsse:UsernameToken></wsse:Security></env:Header>
<env:Body>{body}</env:Body></env:Envelope>"""


class Reply:
    """An answer of a SOAP service: status, and its XML by paths without prefix."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.status = answer.status_code
        self.root = ET.fromstring(answer.content)

    def all(self, path: str) -> list[ET.Element]:
        return self.root.findall(".//" + "/".join(WD + name for name in path.split("/")))

    def texts(self, path: str) -> list[str]:
        return [element.text or "" for element in self.all(path)]

    @property
    def fault(self) -> tuple[str, str]:
        return self.root.findtext(".//faultcode", ""), self.root.findtext(".//faultstring", "")


class Tenant:
    """A tenant with two companies and a few workers, driven synchronously."""

    def __init__(self) -> None:
        self.sim = WorkdaySimulator()
        self.force = self.sim.force
        self.force.organization("UK01", "Meridian UK", "COMPANY")
        self.force.organization("DE01", "Meridian DE", "COMPANY")
        self.force.organization("CC-100", "Advisory", "COST_CENTER")
        self.force.organization("CC-200", "Delivery", "COST_CENTER")
        self.force.location("LON", "London")
        self.force.location("BER", "Berlin")
        self.force.job_profile("CONS", "Consultant")
        self.force.job_profile("CONS-SR", "Senior Consultant")
        self.today = self.sim.now().date()

    def hire(self, id: str = "21001", on: date = date(2024, 3, 1), **facts: Any) -> Any:
        defaults = {
            "first_name": "Ada",
            "last_name": "O'Brien",
            "email": "ada@meridian.example",
            "company": "UK01",
            "cost_center": "CC-100",
            "job_profile": "CONS",
            "location": "LON",
        }
        return self.force.hire(id, on, **{"at": datetime(2024, 2, 1, tzinfo=UTC)} | defaults | facts)

    def run(self, method: str, path: str, **options: Any) -> httpx2.Response:
        async def told() -> httpx2.Response:
            transport = httpx2.ASGITransport(app=self.sim.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://sim") as http:
                return await http.request(method, path, **options)

        return asyncio.run(told())

    def soap(self, body: str, service: str = "Human_Resources", **overrides: Any) -> Reply:
        login = self.sim.login
        user = overrides.get("user", login.user)
        text = ENVELOPE.format(user=user, password=overrides.get("password", login.password), body=body)
        path = f"/ccx/service/{login.tenant}/{service}/{overrides.get('version', 'v44.2')}"
        headers = {"content-type": "text/xml; charset=utf-8"} | overrides.get("headers", {})
        return Reply(self.run("POST", path, content=text, headers=headers))

    def workers(self, inner: str = "") -> Reply:
        return self.soap(f"<wd:Get_Workers_Request wd:version='v44.2'>{inner}</wd:Get_Workers_Request>")

    def as_of(self, day: date, extra: str = "") -> Reply:
        written = f"<wd:As_Of_Effective_Date>{day}</wd:As_Of_Effective_Date>{extra}"
        return self.workers(f"<wd:Response_Filter>{written}</wd:Response_Filter>")

    def changed(self, since: datetime, until: datetime, *, axis: str = "Updated", ahead_days: int = 0) -> Reply:
        span = f"<wd:{axis}_From>{since.isoformat()}</wd:{axis}_From>"
        span += f"<wd:{axis}_Through>{until.isoformat()}</wd:{axis}_Through>"
        as_of = self.today + timedelta(days=ahead_days)
        return self.workers(
            "<wd:Request_Criteria><wd:Transaction_Log_Criteria_Data><wd:Transaction_Date_Range_Data>"
            f"{span}</wd:Transaction_Date_Range_Data></wd:Transaction_Log_Criteria_Data></wd:Request_Criteria>"
            f"<wd:Response_Filter><wd:As_Of_Effective_Date>{as_of}</wd:As_Of_Effective_Date></wd:Response_Filter>"
            "<wd:Response_Group><wd:Include_Transaction_Log_Data>1</wd:Include_Transaction_Log_Data>"
            "<wd:Include_Subevents_for_Corrected_Transaction>1</wd:Include_Subevents_for_Corrected_Transaction>"
            "<wd:Include_Subevents_for_Rescinded_Transaction>1</wd:Include_Subevents_for_Rescinded_Transaction>"
            "</wd:Response_Group>"
        )

    def token(self) -> str:
        login = self.sim.login
        form = {"grant_type": "refresh_token", "refresh_token": login.refresh_token}
        auth = (login.client_id, login.client_secret)
        answer = self.run("POST", f"/ccx/oauth2/{login.tenant}/token", data=form, auth=auth)
        return str(answer.json()["access_token"])

    def get(self, path: str, **options: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {options.pop('token', None) or self.token()}"}
        return self.run("GET", path, headers=headers, **options)


@pytest.fixture
def tenant() -> Tenant:
    return Tenant()
