//! What pages say that send themselves on at once: few see them, and who does has a browser that runs no scripts.

use model::languages;

use super::browser::Visit;
use crate::Site;

/// The words of these pages in a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// The language.
    pub(crate) language: &'static str,
    /// How it is written: `ltr` or `rtl`.
    pub(crate) direction: &'static str,
    /// The title.
    pub(crate) title: &'static str,
    /// What to do.
    pub(crate) hint: &'static str,
    /// The button.
    pub(crate) button: &'static str,
}

/// In each language that our pages speak.
pub(super) const WORDS: [Words; 7] = [
    Words {
        language: "en",
        direction: "ltr",
        title: "Logging in",
        hint: "Your browser does not run scripts. Press Continue once to go on.",
        button: "Continue",
    },
    Words {
        language: "ar",
        direction: "rtl",
        title: "جارٍ تسجيل الدخول",
        hint: "متصفحك لا يشغّل البرامج النصية. اضغط على «متابعة» مرة واحدة للمتابعة.",
        button: "متابعة",
    },
    Words {
        language: "de",
        direction: "ltr",
        title: "Anmeldung",
        hint: "Ihr Browser führt keine Skripte aus. Wählen Sie einmal „Weiter“.",
        button: "Weiter",
    },
    Words {
        language: "es",
        direction: "ltr",
        title: "Iniciando sesión",
        hint: "Su navegador no ejecuta scripts. Pulse Continuar una vez para seguir.",
        button: "Continuar",
    },
    Words {
        language: "fr",
        direction: "ltr",
        title: "Connexion",
        hint: "Votre navigateur n’exécute pas de scripts. Appuyez une fois sur Continuer.",
        button: "Continuer",
    },
    Words {
        language: "ja",
        direction: "ltr",
        title: "ログイン中",
        hint: "お使いのブラウザーではスクリプトが実行されません。「続ける」を 1 回押してください。",
        button: "続ける",
    },
    Words {
        language: "pt",
        direction: "ltr",
        title: "Entrando",
        hint: "O seu navegador não executa scripts. Selecione Continuar uma vez para prosseguir.",
        button: "Continuar",
    },
];

/// The words of a language, of the nearest that we speak, or the English ones.
fn of(language: &str) -> &'static Words {
    let known = WORDS.each_ref().map(|words| words.language);
    let found = languages::nearest(&known, language);
    WORDS.iter().find(|words| Some(words.language) == found).unwrap_or(&WORDS[0])
}

impl Site {
    /// The words for whoever asked for these languages, of those that the tenant has.
    pub(crate) async fn words(&self, asked: &[String], visit: &Visit) -> &'static Words {
        let settings = self.settings().await.ok();
        let enabled = settings.as_ref().and_then(|settings| settings.enabled_locales.as_deref()).unwrap_or_default();
        of(languages::choose(enabled, asked.first().map(String::as_str), &visit.browser.language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_nearest_language() {
        for (language, expected) in [("pt-BR", "pt"), ("ar-EG", "ar"), ("sw", "en"), ("de", "de")] {
            assert_eq!(of(language).language, expected);
        }
        for words in WORDS {
            assert_eq!(words.direction == "rtl", languages::is_right_to_left(words.language));
            assert!(words.button.chars().all(|letter| words.hint.contains(letter)), "{words:?}");
        }
    }
}
