"""What came in from the client, told to those who sold and those who deliver."""

from accordant.flows.payment_status.flow import PaymentReceived, PaymentTold, payment_status

__all__ = ["PaymentReceived", "PaymentTold", "payment_status"]
