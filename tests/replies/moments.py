"""How 39 languages write one moment, Tuesday 17 November 2026, 14:05: what mail programs put into their announcements.

As CLDR 47 has it (skeleton yMMMEd, and the styles short, medium, long and full); with plain blanks.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# Language | date, short | time, short | time with seconds | date, medium
_SHORT = """\
en | 11/17/26 | 2:05 PM | 2:05:00 PM | Nov 17, 2026
de | 17.11.26 | 14:05 | 14:05:00 | 17.11.2026
fr | 17/11/2026 | 14:05 | 14:05:00 | 17 nov. 2026
es | 17/11/26 | 14:05 | 14:05:00 | 17 nov 2026
it | 17/11/26 | 14:05 | 14:05:00 | 17 nov 2026
nl | 17-11-2026 | 14:05 | 14:05:00 | 17 nov 2026
pt | 17/11/2026 | 14:05 | 14:05:00 | 17 de nov. de 2026
sv | 2026-11-17 | 14:05 | 14:05:00 | 17 nov. 2026
da | 17.11.2026 | 14.05 | 14.05.00 | 17. nov. 2026
nb | 17.11.2026 | 14:05 | 14:05:00 | 17. nov. 2026
fi | 17.11.2026 | 14.05 | 14.05.00 | 17.11.2026
pl | 17.11.2026 | 14:05 | 14:05:00 | 17 lis 2026
cs | 17.11.26 | 14:05 | 14:05:00 | 17. 11. 2026
sk | 17. 11. 2026 | 14:05 | 14:05:00 | 17. 11. 2026
hu | 2026. 11. 17. | 14:05 | 14:05:00 | 2026. nov. 17.
ro | 17.11.2026 | 14:05 | 14:05:00 | 17 nov. 2026
bg | 17.11.26 г. | 14:05 | 14:05:00 | 17.11.2026 г.
hr | 17. 11. 2026. | 14:05 | 14:05:00 | 17. stu 2026.
sl | 17. 11. 2026 | 14:05 | 14:05:00 | 17. nov. 2026
ru | 17.11.2026 | 14:05 | 14:05:00 | 17 нояб. 2026 г.
uk | 17.11.26 | 14:05 | 14:05:00 | 17 лист. 2026 р.
el | 17/11/26 | 2:05 μ.μ. | 2:05:00 μ.μ. | 17 Νοε 2026
tr | 17.11.2026 | 14:05 | 14:05:00 | 17 Kas 2026
lt | 2026-11-17 | 14:05 | 14:05:00 | 2026-11-17
et | 17.11.26 | 14:05 | 14:05:00 | 17. nov 2026
ca | 17/11/26 | 14:05 | 14:05:00 | 17 de nov. 2026
he | 17.11.2026 | 14:05 | 14:05:00 | 17 בנוב׳ 2026
ja | 2026/11/17 | 14:05 | 14:05:00 | 2026/11/17
ko | 26. 11. 17. | 오후 2:05 | 오후 2:05:00 | 2026. 11. 17.
zh-cn | 2026/11/17 | 14:05 | 14:05:00 | 2026年11月17日
zh-tw | 2026/11/17 | 下午2:05 | 下午2:05:00 | 2026年11月17日
lv | 17.11.26 | 14:05 | 14:05:00 | 2026. gada 17. nov.
sr | 17. 11. 2026. | 14:05 | 14:05:00 | 17. 11. 2026.
vi | 17/11/26 | 14:05 | 14:05:00 | 17 thg 11, 2026
id | 17/11/26 | 14.05 | 14.05.00 | 17 Nov 2026
ar | 17\u200f/11\u200f/2026 | 2:05 م | 2:05:00 م | 17\u200f/11\u200f/2026
fa | 2026/11/17 | 14:05 | 14:05:00 | 17 نوامبر 2026
th | 17/11/26 | 14:05 | 14:05:00 | 17 พ.ย. 2026
mk | 17.11.2026 г. | 14:05 | 14:05:00 | 17 ное. 2026 г.
"""
# Language | weekday and date, short | date, long | date, full
_LONG = """\
en | Tue, Nov 17, 2026 | November 17, 2026 | Tuesday, November 17, 2026
de | Di., 17. Nov. 2026 | 17. November 2026 | Dienstag, 17. November 2026
fr | mar. 17 nov. 2026 | 17 novembre 2026 | mardi 17 novembre 2026
es | mar, 17 nov 2026 | 17 de noviembre de 2026 | martes, 17 de noviembre de 2026
it | mar 17 nov 2026 | 17 novembre 2026 | martedì 17 novembre 2026
nl | di 17 nov 2026 | 17 november 2026 | dinsdag 17 november 2026
pt | ter., 17 de nov. de 2026 | 17 de novembro de 2026 | terça-feira, 17 de novembro de 2026
sv | tis 17 nov. 2026 | 17 november 2026 | tisdag 17 november 2026
da | tirs. 17. nov. 2026 | 17. november 2026 | tirsdag den 17. november 2026
nb | tir. 17. nov. 2026 | 17. november 2026 | tirsdag 17. november 2026
fi | ti 17. marrask. 2026 | 17. marraskuuta 2026 | tiistai 17. marraskuuta 2026
pl | wt., 17 lis 2026 | 17 listopada 2026 | wtorek, 17 listopada 2026
cs | út 17. 11. 2026 | 17. listopadu 2026 | úterý 17. listopadu 2026
sk | ut 17. 11. 2026 | 17. novembra 2026 | utorok 17. novembra 2026
hu | 2026. nov. 17., K | 2026. november 17. | 2026. november 17., kedd
ro | mar., 17 nov. 2026 | 17 noiembrie 2026 | marți, 17 noiembrie 2026
bg | вт, 17.11.2026 г. | 17 ноември 2026 г. | вторник, 17 ноември 2026 г.
hr | uto, 17. stu 2026. | 17. studenoga 2026. | utorak, 17. studenoga 2026.
sl | tor., 17. nov. 2026 | 17. november 2026 | torek, 17. november 2026
ru | вт, 17 нояб. 2026 г. | 17 ноября 2026 г. | вторник, 17 ноября 2026 г.
uk | вт, 17 лист. 2026 р. | 17 листопада 2026 р. | вівторок, 17 листопада 2026 р.
el | Τρί 17 Νοε 2026 | 17 Νοεμβρίου 2026 | Τρίτη 17 Νοεμβρίου 2026
tr | 17 Kas 2026 Sal | 17 Kasım 2026 | 17 Kasım 2026 Salı
lt | 2026-11-17, an | 2026 m. lapkričio 17 d. | 2026 m. lapkričio 17 d., antradienis
et | T, 17. november 2026 | 17. november 2026 | teisipäev, 17. november 2026
ca | dt., 17 de nov. 2026 | 17 de novembre del 2026 | dimarts, 17 de novembre del 2026
he | יום ג׳, 17 בנוב׳ 2026 | 17 בנובמבר 2026 | יום שלישי, 17 בנובמבר 2026
ja | 2026年11月17日(火) | 2026年11月17日 | 2026年11月17日火曜日
ko | 2026년 11월 17일 (화) | 2026년 11월 17일 | 2026년 11월 17일 화요일
zh-cn | 2026年11月17日周二 | 2026年11月17日 | 2026年11月17日星期二
zh-tw | 2026年11月17日週二 | 2026年11月17日 | 2026年11月17日 星期二
lv | otrd., 2026. g. 17. nov. | 2026. gada 17. novembris | otrdiena, 2026. gada 17. novembris
sr | уто, 17. нов 2026. | 17. новембар 2026. | уторак, 17. новембар 2026.
vi | Th 3, 17 thg 11, 2026 | 17 tháng 11, 2026 | Thứ Ba, 17 tháng 11, 2026
id | Sel, 17 Nov 2026 | 17 November 2026 | Selasa, 17 November 2026
ar | الثلاثاء، 17 نوفمبر 2026 | 17 نوفمبر 2026 | الثلاثاء، 17 نوفمبر 2026
fa | سه‌شنبه 17 نوامبر 2026 | 17 نوامبر 2026 | سه‌شنبه 17 نوامبر 2026
th | อ. 17 พ.ย. 2026 | 17 พฤศจิกายน ค.ศ. 2026 | วันอังคารที่ 17 พฤศจิกายน ค.ศ. 2026
mk | вто., 17 ное. 2026 г. | 17 ноември 2026 г. | вторник, 17 ноември 2026 г.
"""


@dataclass(frozen=True)
class Moment:
    """One language's ways to write it."""

    short: str
    time: str
    seconds: str
    medium: str
    weekday: str
    long: str
    full: str


def _moments() -> Mapping[str, Moment]:
    short = [line.split(" | ") for line in _SHORT.splitlines()]
    long = [line.split(" | ") for line in _LONG.splitlines()]
    return {one[0]: Moment(*one[1:], *two[1:]) for one, two in zip(short, long, strict=True)}


MOMENTS = _moments()
