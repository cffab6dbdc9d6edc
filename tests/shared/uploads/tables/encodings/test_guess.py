# ruff: noqa: RUF001 -- Chinese punctuation, and letters that look like others
import pytest

from shared.uploads.tables.encodings.charsets import GB18030, WINDOWS_1252
from shared.uploads.tables.encodings.guess import guessed

CHINESE = [
    *("名称,地址,用户名,密码", "华为云", "北京机房", "管理员", "上海-测试环境, 10.0.0.1, 张三"),
    *(
        "name,owner\na,王伟\nb,李娜",
        "备注：勿删",
        "生产环境（核心）",
        "一号机房",
        "数据中心",
        "网络部",
    ),
    *("深圳研发", "灾备中心－杭州", "联系人：陈静", "①号集群", "运维二组", "账号"),
]
WESTERN = [
    *("Büro", "Köln;Zürich;München", "Straße", "Größe", "Überwachung", "Hôte;Utilisateur;é;à"),
    *(
        "Müller \u2013 Söhne",
        "Siège \u2013 façade",
        "Año;contraseña",
        "d\u2019Électricité",
        "5 \u20ac",
    ),
    *("Société Générale", "São Paulo", "København", "Málaga", "Forlì", "ÄÖ", "Malmö Å", "créée"),
]
OTHERS = {
    "cp1250": ["Příliš žluťoučký kůň", "Zażółć gęślą jaźń", "Łódź", "Kiełczów"],
    "cp1251": ["Сервер", "Москва", "Пароль", "СЕРВЕР", "Имя;Пользователь"],
    "cp1253": ["διακομιστής", "Αθήνα"],
    "euc-kr": [
        "서버",
        "이름,주소,사용자,비밀번호",
        "서울",
        "관리자",
        "테스트 환경",
        "부산 센터",
        "네트워크",
    ],
    "big5": ["名稱,位址,使用者,密碼", "臺北機房", "伺服器", "測試環境"],
    "shift_jis": ["サーバー", "名前,アドレス,ユーザー", "東京", "ｻｰﾊﾞｰ"],
    "euc-jp": ["サーバー", "名前,アドレス", "東京", "パスワード"],
    "cp850": ["Büro", "Zürich", "Kärnten", "é"],
    "mac-roman": ["Büro", "Zürich", "Straße", "Kärnten", "Siège"],
    "gb18030": ["云", "丐丑专"],
}


@pytest.mark.parametrize("before", ["", "name,productType,endpoint\nx,tcp,h:22\n" * 10])
@pytest.mark.parametrize("text", CHINESE)
def test_chinese_is_told(text: str, before: str) -> None:
    """Excel in Chinese Windows writes GB18030, and does not say so."""
    assert guessed((before + text).encode("gb18030"), is_whole=True) is GB18030


@pytest.mark.parametrize("before", ["", "name,productType,endpoint\nx,tcp,h:22\n" * 10])
@pytest.mark.parametrize("text", WESTERN)
def test_western_languages_are_told(text: str, before: str) -> None:
    """Excel in German and French Windows writes windows-1252, and does not say so."""
    assert guessed((before + text).encode("cp1252"), is_whole=True) is WINDOWS_1252


@pytest.mark.parametrize(
    ("codec", "text"), [(codec, text) for codec, texts in OTHERS.items() for text in texts]
)
def test_any_other_text_is_in_doubt(codec: str, text: str) -> None:
    """A wrong guess garbles the secret keys in the same file."""
    assert guessed(f"name,{text},x\n".encode(codec), is_whole=True) is None


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_sample_may_end_within_a_character(cut: int) -> None:
    """It is cut anywhere."""
    sample = ("北京机房\U00020000,上海机房测试环境" * 3).encode("gb18030")

    assert guessed(sample[:-cut], is_whole=False) is GB18030


def test_a_text_that_ends_within_a_character_is_in_doubt() -> None:
    """Its end was lost, or it is in another encoding."""
    assert guessed("北京机房".encode("gb18030")[:-1], is_whole=True) is None
