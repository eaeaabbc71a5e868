"""Slack and e-mail. Invariant: a channel that is not configured is not imported; a secret is an environment variable
that is read when a message is sent, never a setting.
"""

from collections.abc import Callable
from email.message import EmailMessage

import dagster as dg

from st_pipelines.assets.alerts.message import Alert
from st_pipelines.settings import Settings

SLACK_TOKEN = "ST_PIPELINES_SLACK_TOKEN"
SMTP_PASSWORD = "ST_PIPELINES_SMTP_PASSWORD"
TIMEOUT_S = 20

Send = Callable[[Alert], None]


def channels(settings: Settings) -> dict[str, Send]:
    """Those that the settings name. Sending raises where it did not succeed."""
    configured: dict[str, Send] = {}
    if settings.slack_channel:
        configured["slack"] = _slack(settings.slack_channel)
    if settings.mail_to:
        configured["mail"] = _mail(settings)
    return configured


def _slack(channel: str) -> Send:
    from dagster_slack import SlackResource

    def send(alert: Alert) -> None:
        _secret(SLACK_TOKEN)
        resource = SlackResource(token=dg.EnvVar(SLACK_TOKEN)).process_config_and_initialize()
        resource.get_client().chat_postMessage(channel=channel, text=alert.text, unfurl_links=False)

    return send


def _mail(settings: Settings) -> Send:
    import smtplib
    import ssl

    def send(alert: Alert) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = settings.mail_from, settings.mail_to, alert.subject
        message.set_content(alert.text)
        place = (settings.smtp_host, settings.smtp_port)
        if settings.smtp_security == "ssl":
            server: smtplib.SMTP = smtplib.SMTP_SSL(*place, timeout=TIMEOUT_S, context=ssl.create_default_context())
        else:
            server = smtplib.SMTP(*place, timeout=TIMEOUT_S)
        with server:
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, _secret(SMTP_PASSWORD))
            refused = server.send_message(message)
            if refused:
                raise RuntimeError(f"the mail server refused {', '.join(refused)}")

    return send


def _secret(variable: str) -> str:
    value = dg.EnvVar(variable).get_value()
    if not value:
        raise RuntimeError(f"{variable} is not set in the environment of the code server")
    return value
