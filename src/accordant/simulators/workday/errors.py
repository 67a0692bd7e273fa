"""Workday's refusals: SOAP faults under HTTP 500, REST errors, OAuth errors, report faults."""

from __future__ import annotations

from xml.etree.ElementTree import Element

from starlette.responses import HTMLResponse, JSONResponse, Response

from accordant.simulators.workday.xml import SOAP, envelope, wd


class SoapFault(Exception):
    """A fault of the SOAP services; every one travels under HTTP 500."""

    def __init__(self, code: str, text: str, detail: Element | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.detail = detail

    def response(self) -> Response:
        """Return the envelope with the fault."""
        fault = Element(f"{{{SOAP}}}Fault")
        for name, content in (("faultcode", self.code), ("faultstring", self.text)):
            part = Element(name)
            part.text = content
            fault.append(part)
        if self.detail is not None:
            detail = Element("detail")
            detail.append(self.detail)
            fault.append(detail)
        return Response(envelope(fault), 500, media_type="text/xml; charset=utf-8")


def invalid(message: str, xpath: str = "") -> SoapFault:
    """Return a validation fault with its one problem."""
    problem = wd("Validation_Error", wd("Message", message), wd("Detail_Message", message), wd("Xpath", xpath))
    text = f"Validation error occurred. {message}"
    return SoapFault("SOAP-ENV:Client.validationError", text, wd("Validation_Fault", problem))


def invalid_id(kind: str, id: str, xpath: str) -> SoapFault:
    """Return the fault for a reference to nothing."""
    return invalid(f"Invalid ID value. '{id}' is not a valid ID value for type = '{kind}'", xpath)


def missing(element: str, parent: str) -> SoapFault:
    """Return the fault for a required element that was not sent."""
    return invalid(f"Element Content '{element}' is required, on internal element '{parent}'")


def not_authorized() -> SoapFault:
    """Return the fault for an operation the user may not call at all."""
    text = "The task submitted is not authorized."
    fault = wd("Processing_Fault", wd("Detail_Message", text))
    return SoapFault("SOAP-ENV:Server.processingError", f"Processing error occurred. {text}", fault)


def bad_login() -> SoapFault:
    """Return the fault for wrong credentials, a user without @tenant, or an expired token; it has no detail."""
    return SoapFault("SOAP-ENV:Client.authenticationError", "invalid username or password")


def bad_version() -> SoapFault:
    """Return the fault for a service, version or operation that does not exist."""
    return SoapFault("SOAP-ENV:Client", "The web service or version is invalid for the requested operation")


def malformed(reason: str) -> SoapFault:
    """Return the fault for XML that cannot be read."""
    return SoapFault("SOAP-ENV:Client", f"Invalid request XML: {reason}")


def overloaded() -> SoapFault:
    """Return what the SOAP services answer under load: a fault like any other, without a validation error."""
    return SoapFault("SOAP-ENV:Server", "The service is temporarily unable to handle the request.")


class RestError(Exception):
    """A refusal of REST, WQL or OAuth."""

    def __init__(self, status: int, text: str, code: str = "", field: str = "", description: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code
        self.field = field
        self.description = description

    def response(self) -> Response:
        """Return the JSON body."""
        body: dict[str, object] = {"error": self.text}
        if self.code:
            body["errors"] = [{"error": self.text, "code": self.code, "field": self.field}]
        if self.description:
            body["error_description"] = self.description
        return JSONResponse(body, self.status)


def report_fault(status: int, text: str) -> Response:
    """Return what a report answers when it fails: XML, whatever format was asked for."""
    return Response(SoapFault("SOAP-ENV:Client", text).response().body, status, media_type="text/xml; charset=utf-8")


def maintenance() -> Response:
    """Return the page of the weekly maintenance window."""
    page = "<html><head><title>Workday</title></head><body>Workday is currently unavailable.</body></html>"
    return HTMLResponse(page, 503)
