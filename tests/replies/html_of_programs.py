"""The HTML that mail programs put around {words}, the line or header block above the quotation, {head}, and {quote}."""

GMAIL = (
    '<div dir="ltr">{words}</div><br><div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">'
    '{head}<br></div><blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid '
    'rgb(204,204,204);padding-left:1ex">{quote}</blockquote></div>\n'
)
GMAIL_ANDROID = (
    '<div dir="auto">{words}</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">{head}<br></div>'
    '<blockquote class="gmail_quote" style="margin:0 0 0 .8ex;border-left:1px #ccc solid;padding-left:1ex">'
    "{quote}</blockquote></div>\n"
)
APPLE = (
    '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head>'
    '<body style="overflow-wrap: break-word; -webkit-nbsp-mode: space; line-break: after-white-space;">{words}'
    '<br id="lineBreakAtBeginningOfMessage"><div><br><blockquote type="cite"><div>{head}</div>'
    '<br class="Apple-interchange-newline"><div>{quote}</div></blockquote></div><br></body></html>'
)
IPHONE = (
    '<html><head><meta http-equiv="content-type" content="text/html; charset=utf-8"></head><body dir="auto">{words}'
    '<div dir="ltr"><br><blockquote type="cite">{head}<br><br></blockquote></div>'
    '<blockquote type="cite"><div dir="ltr">\ufeff{quote}</div></blockquote></body></html>'
)
THUNDERBIRD = (
    '<!DOCTYPE html>\n<html>\n  <head>\n    <meta http-equiv="Content-Type" content="text/html; charset=UTF-8">\n'
    "  </head>\n  <body>\n    <p>{words}</p>\n"
    '    <div class="moz-cite-prefix">{head}<br>\n    </div>\n    <blockquote type="cite" cite="mid:1@desk.example">\n'
    "      {quote}\n    </blockquote>\n    <br>\n  </body>\n</html>\n"
)
ROUNDCUBE = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8" /></head>'
    "<body style='font-size: 10pt; font-family: Verdana,Geneva,sans-serif'>\n{words}\n"
    '<p id="reply-intro">{head}</p>\n<blockquote type="cite" style="padding: 0 0.4em; border-left: #1010ff 2px solid; '
    'margin: 0">\n<div id="replybody1">{quote}</div>\n</blockquote>\n</body></html>\n'
)
SOGO = '<html>{words}<br /><br />{head}<br /><br /><blockquote type="cite" cite="1">{quote}</blockquote></html>'
EVOLUTION = (
    "<html><head></head><body>{words}<div><br></div><div>{head}</div>"
    '<blockquote type="cite" style="margin:0 0 0 .8ex; border-left:2px #729fcf solid;padding-left:1ex">{quote}'
    "</blockquote><div><br></div><div><span></span></div></body></html>"
)
GEARY = (
    '<html><head></head><body><div id="geary-body" dir="auto">{words}</div><div id="geary-quote" dir="auto"><br>'
    '{head}<br><blockquote type="cite">{quote}</blockquote></div></body></html>'
)
HORDE = (
    '<html><body style="font-family:Arial;font-size:14px">{words}<p>{head}</p>'
    '<blockquote style="border-left:2px solid blue;margin-left:2px;padding-left:12px;" type="cite">{quote}'
    "</blockquote></body></html>"
)
K9 = (
    '<!DOCTYPE html><html><head><meta name="viewport" content="width=device-width" /></head><body>{words}<br><br>'
    '<div class="gmail_quote">{head}<blockquote class="gmail_quote" style="margin: 0pt 0pt 0pt 0.8ex; border-left: '
    '1px solid rgb(204, 204, 204); padding-left: 1ex;">{quote}</blockquote></div></body></html>'
)
YAHOO = (
    '<html><head></head><body><div class="ydp51yahoo-style-wrap" style="font-family:Helvetica Neue, Helvetica, Arial, '
    'sans-serif;font-size:16px;"><div dir="ltr" data-setdir="false">{words}</div><div><br></div></div>'
    '<div id="ydp52yahoo_quoted_2142999335" class="ydp52yahoo_quoted"><div style="font-size:13px;color:#26282a;">'
    "\n<div>\n{head}\n</div>\n<div><br></div>\n<div><br></div>\n<div>{quote}</div></div></div></body></html>"
)
PROTON = (
    '<div style="font-family: Arial, sans-serif; font-size: 14px;">{words}</div>'
    '<div class="protonmail_quote">\n        {head}<br>\n        <blockquote class="protonmail_quote" type="cite">\n'
    "            {quote}\n        </blockquote><br>\n    </div>"
)
OUTLOOK_MAC = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office"><head><meta name=Generator content="Microsoft Word 15 '
    '(filtered medium)"></head><body lang=EN-US><div class=WordSection1>{words}'
    "<p class=MsoNormal><o:p>&nbsp;</o:p></p><p class=MsoNormal>{head}<o:p></o:p></p></div>"
    "<blockquote style='border:none;border-left:solid #B5C4DF 4.5pt;padding:0cm 0cm 0cm 4.0pt;margin-left:3.75pt'>"
    "{quote}</blockquote></body></html>"
)
FASTMAIL = (
    "<!DOCTYPE html><html><head><title></title></head><body>{words}<div><br></div><div>{head}<br></div>"
    '<blockquote type="cite" id="qt" style="">{quote}</blockquote><div><br></div></body></html>'
)
ZOHO = (
    '<html><head></head><body><div style="font-family: Verdana, Arial, Helvetica, sans-serif; font-size: 10pt;">'
    '{words}<div class="zmail_extra_hr" style="border-top: 1px solid rgb(204, 204, 204);"></div>'
    '<div class="zmail_extra" data-zbluepencil-ignore="true"><div><br></div><div id="Zm-_Id_-Sgn1">{head}<br></div>'
    '<div><br></div><blockquote id="blockquote_zmail" style="margin: 0px;">{quote}</blockquote></div></div>'
    "</body></html>"
)
NEXTCLOUD = '<html>{words}<p>&nbsp;</p><div class="quote">{head} <br /><blockquote>{quote}</blockquote></div></html>'
TUTANOTA = (
    '<div dir="auto">{words}</div><div><br></div>{head}<br><blockquote class="tutanota_quote">{quote}</blockquote>'
)
MAIL_RU = (
    "\n<HTML><BODY><div>{words}</div><br><br>"
    '<blockquote style="border-left:1px solid #0857A6; margin:10px; padding:0 0 0 10px;">{head}<br>'
    "<div>{quote}</div></blockquote></BODY></HTML>\n"
)
YANDEX = "<div>{words}</div><div>\u00a0</div><div>{head}</div><blockquote>{quote}</blockquote>"
NETEASE = (
    '<div style="line-height:1.7;color:#000000;font-size:14px;font-family:Arial">{words}<p>{head}</p>'
    '<blockquote id="isReplyContent" style="PADDING-LEFT: 1ex; MARGIN: 0px 0px 0px 0.8ex; BORDER-LEFT: #ccc 1px '
    'solid">{quote}</blockquote></div>'
)
OUTLOOK = (
    '<html xmlns:o="urn:schemas-microsoft-com:office:office" xmlns="http://www.w3.org/TR/REC-html40"><head>'
    '<meta name=Generator content="Microsoft Word 15 (filtered medium)"><style><!--\n'
    "p.MsoNormal, li.MsoNormal, div.MsoNormal {margin:0cm; font-size:11.0pt;}\n--></style></head>"
    "<body lang=EN-GB link=\"#0563C1\" style='word-wrap:break-word'><div class=WordSection1>{words}"
    "<p class=MsoNormal><o:p>&nbsp;</o:p></p>"
    "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
    "<p class=MsoNormal>{head}<o:p></o:p></p></div></div>"
    "<p class=MsoNormal><o:p>&nbsp;</o:p></p>{quote}</div></body></html>"
)
OUTLOOK_WEB = (
    '<html>\n<head>\n<style type="text/css" style="display:none;"> P {margin-top:0;margin-bottom:0;} </style>\n'
    '</head>\n<body dir="ltr">\n{words}<div id="appendonsend"></div>\n'
    '<hr style="display:inline-block;width:98%" tabindex="-1">\n<div id="divRplyFwdMsg" dir="ltr">'
    '<font face="Calibri, sans-serif" style="font-size:11pt" color="#000000">{head}</font>\n<div>&nbsp;</div>\n</div>\n'
    "<div>{quote}</div>\n</body>\n</html>\n"
)
OUTLOOK_MOBILE = (
    '<html><head></head><body><div dir="ltr">{words}</div><div id="mail-editor-reference-message-container">'
    '<div class="ms-outlook-mobile-reference-message skipProofing" style="padding: 3pt 0in 0in; border-width: 1pt '
    'medium medium; border-style: solid none none; border-color: rgb(181, 196, 223);">{head}<br><br></div>'
    '<div class="ms-outlook-mobile-reference-message skipProofing">{quote}</div></div></body></html>'
)
ZIMBRA = (
    '<html><body><div style="font-family: arial, helvetica, sans-serif; font-size: 12pt; color: #000000">{words}'
    '<div><br></div><hr id="zwchr" data-marker="__DIVIDER__"><div data-marker="__HEADERS__">{head}</div><br>'
    '<div data-marker="__QUOTED_TEXT__">{quote}</div></div></body></html>'
)
SAMSUNG = (
    '<html><head><meta http-equiv="Content-Type" content="text/html; charset=UTF-8"></head><body dir="auto">{words}'
    '<div dir="auto"><br></div><div><br></div><div align="left" dir="auto" style="font-size:100%;color:#000000">'
    "<div>{head}</div><div><br></div></div>{quote}</body></html>"
)
GMX = (
    '<html><head></head><body><div style="font-family: Verdana;font-size: 12.0px;">{words}<div>&nbsp;</div>'
    '<div name="quote" style="margin:10px 5px 5px 10px; padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5; '
    'word-wrap: break-word; -webkit-nbsp-mode: space;"><div style="margin:0 0 10px 0;">{head}</div>'
    '<div name="quoted-content">{quote}</div></div></div></body></html>'
)
QQ = (
    "<div>{words}</div><div><br></div><div><includetail></includetail></div><div><br></div>"
    '<div style="font-size: 12px;background:#efefef;padding:8px;">{head}</div><div><br></div>{quote}'
)
NAVER = (
    '<html><head></head><body><div style="font-size:10pt; font-family:Gulim;">{words}<p>&nbsp;</p>'
    '<blockquote style="border-left:2px solid #cccccc;margin:0;padding:0 0 0 10px">{head}<br><br>{quote}</blockquote>'
    "</div></body></html>"
)
OPEN_XCHANGE = (
    '<!doctype html><html><head><meta charset="UTF-8"></head><body>{words}<blockquote type="cite"><div>{head}</div>'
    "<div><br></div><div><br></div>{quote}</blockquote></body></html>"
)
SPARK = (
    '<html><body><div name="messageBodySection">{words}</div><div name="messageReplySection">{head}<br />'
    '<blockquote type="cite" class="spark_quote" style="margin: 5px; padding-left: 10px; border-left: thin solid '
    '#1abc9c;">{quote}</blockquote></div></body></html>'
)
EM_CLIENT = (
    "<html><head></head><body>{words}<div><br /></div><div>{head}</div><div><br /></div>"
    '<div id="x1a2b3"><blockquote cite="1@desk.example" type="cite" class="cite2">{quote}</blockquote></div>'
    "</body></html>"
)
