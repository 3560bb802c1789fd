"""What mail systems say of a mail that did not arrive, in many languages: only ever a second sign.

People write such words, too."""

import re

SUBJECT = re.compile(
    r"^\W*(?:postmaster\]\W*)?(?:"
    r"undeliver(?:ed|able)\b.*|returned mail\b.*|mail (?:delivery )?(?:failed|failure|error)\b.*|failure notice.*|"
    r"delivery (?:status )?(?:notification|failure|failed|report|problem|error|delayed|has failed)\b.*|"
    r"(?:mail|message) delivery (?:failed|failure|delayed|problem|error|has been delayed|status)\b.*|"
    r"mail system error\b.*|(?:e-?mail|message|mail) (?:could not|cannot|not|was not) (?:be )?(?:delivered|sent)\b.*|"
    r"mail delivery warning.*|failed mail\b.*|warning: (?:message|could not send|delayed|e?-?mail).*|"
    r"message (?:status - )?undeliver\w+.*|"
    r"message delayed.*|delayed mail.*|nondeliverable mail.*|non[- ]?deliver(?:y|able)\b.*|"
    r"could not (?:send|deliver) message.*|your message could not be delivered.*|email delivery failure.*|"
    r"unzustellbar\b.*|unzustellbare .*|nicht zustellbar.*|zustellung fehlgeschlagen.*|"
    r"(?:mail|nachricht|e-mail) (?:konnte )?nicht zugestellt.*|non remis\b.*|message non (?:distribué|remis).*|"
    r"échec (?:de (?:la )?)?(?:remise|distribution|livraison).*|no se (?:puede|pudo) entregar.*|"
    r"non recapitabile.*|mancato recapito.*|kan niet worden bezorgd.*|onbestelbaar.*|"
    r"não (?:é possível entregar|entregue).*|недоставленное.*|не удается доставить.*|配信不能.*|"
    r"undelivered mail returned to sender.*|user unknown.*|rejected mail.*|rejected: .*|delivery-status.*|"
    r"returned to sender.*"
    r")$",
    re.IGNORECASE,
)
BODY = re.compile(
    r"this is the (?:qmail-send|mail system|sun|postfix|ironport|mail delivery)|"
    r"(?:could not|cannot|couldn't|can't|not|unable to) be delivered|unable to deliver|"
    r"(?:delivery|message) .{0,40}(?:failed|has been delayed|was delayed|undeliverable)|did not reach|"
    r"was not delivered|"
    r"permanent (?:fatal )?error|fatal errors|undeliverable|user unknown|unknown user|no such user|"
    r"mailbox (?:is )?(?:full|unavailable)|"
    r"this message was created automatically by mail delivery software|returned to sender|delivery (?:to|attempt)|"
    r"nicht zugestellt|unzustellbar|konnte nicht|n'a pas pu être|non è stato possibile|no se ha podido|"
    r"не удалось доставить|送信できません",
    re.IGNORECASE,
)
# Subjects of a warning that does not say in fields that it is one: the mail is tried again.
LATE = re.compile(
    r"\bdelay(?:ed)?\b|\bwarning\b|still being retried|not yet (?:been )?delivered|delivery incomplete|"
    r"verzögert|verspätet|retardé|retrasad[ao]|demorad[ao]|atrasad[ao]|adiad[ao]|ritardat[ao]|vertraagd|fördröj|"
    r"försenad|forsinke|viiväst|hilinen|opóźnion|zpožděn|odložen|oneskoren|késleltet|késik|întârzi|zakasn|gecik|ertelen|"
    r"καθυστέρ|задерж|отложен|затрим|відкладен|забав|延迟|延遲|遅延|遅れ|지연|تأخ|עיכוב|התעכב|ล่าช้า|bị hoãn|tertunda",
    re.IGNORECASE,
)
# Words of such a warning itself.
RETRIED = re.compile(
    r"still being retried|will be (?:retried|tried again|attempted again)|"
    r"will (?:keep|continue) (?:on )?(?:trying|to (?:try|attempt|retry|deliver))|delivery attempts will continue|"
    r"no action is required on your part|(?:wird|werden) (?:weiterhin|erneut|weiter) versucht|"
    r"nouvelles? tentatives?|(?:seguir|continuar)[áa] intentando|verrà ritentat|"
    r"попытки (?:доставки )?(?:продолжатся|будут)",
    re.IGNORECASE,
)
