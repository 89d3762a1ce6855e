"""Why an address could not be fetched."""


class OutboundError(Exception):
    """An address could not be fetched; the message is the reason in a sentence."""


class TooSlowError(OutboundError):
    """The address did not answer in time, or not whole."""


class TooManyLookupsError(OutboundError):
    """Too many host names are being looked up for another one; try again."""


class UnwantedAnswerError(OutboundError):
    """The address answered, and with something else than was asked for."""
