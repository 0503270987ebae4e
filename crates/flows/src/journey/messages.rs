//! What visitors are told of faults where the form says nothing, in English and Spanish.

/// The code of what is told when a flow has failed.
pub const FAILED: &str = "ERR_FLOW_FAILED";

/// Codes with their texts; `{{name}}` is a detail of the fault.
const TEXTS: &[(&str, &str, &str)] = &[
    ("ERR_REQUIRED_PROPERTY", "This field is required.", "Este campo es obligatorio."),
    ("ERR_ACCEPTANCE_REQUIRED", "Please check this box to continue.", "Marca esta casilla para continuar."),
    ("ERR_TOO_SHORT_STRING", "Enter at least {{minLength}} characters.", "Escribe al menos {{minLength}} caracteres."),
    ("ERR_TOO_LONG_STRING", "Enter at most {{maxLength}} characters.", "Escribe como máximo {{maxLength}} caracteres."),
    ("ERR_EMAIL_EXPECTED", "Enter a valid email address.", "Escribe una dirección de correo válida."),
    ("ERR_URL_EXPECTED", "Enter a valid URL.", "Escribe una URL válida."),
    ("ERR_TEL_EXPECTED", "Enter a valid phone number.", "Escribe un número de teléfono válido."),
    ("ERR_NUMBER_EXPECTED", "Enter a number.", "Escribe un número."),
    ("ERR_TOO_SMALL_NUMBER", "Enter {{minValue}} or more.", "Escribe {{minValue}} o más."),
    ("ERR_TOO_LARGE_NUMBER", "Enter {{maxValue}} or less.", "Escribe {{maxValue}} o menos."),
    ("ERR_BOOLEAN_EXPECTED", "Choose one of the answers.", "Elige una de las respuestas."),
    ("ERR_DATE_EXPECTED", "Enter a valid date.", "Escribe una fecha válida."),
    ("ERR_TIME_EXPECTED", "Enter a valid time.", "Escribe una hora válida."),
    ("ERR_OPTION_EXPECTED", "Choose one of the options.", "Elige una de las opciones."),
    (
        "ERR_PASSWORD_COMPLEXITY",
        "Mix small and capital letters, digits and signs.",
        "Combina minúsculas, mayúsculas, cifras y signos.",
    ),
    ("ERR_PASSWORD_COMMON", "This password is too common.", "Esta contraseña es demasiado común."),
    ("ERR_INVALID_VALUE", "This value is not accepted.", "Este valor no se acepta."),
    ("ERR_TOO_LARGE", "This is too much to send.", "Es demasiado para enviarlo."),
    ("ERR_TOO_MANY_FILES", "Choose at most {{maxFiles}} files.", "Elige como máximo {{maxFiles}} archivos."),
    (
        "ERR_FILE_TOO_LARGE",
        "A file may have at most {{maxSize}} bytes.",
        "Un archivo puede tener como máximo {{maxSize}} bytes.",
    ),
    ("ERR_FILE_TYPE", "Files of this type are not accepted.", "No se aceptan archivos de este tipo."),
    ("ERR_NOT_AVAILABLE", "This is not available here.", "Esto no está disponible aquí."),
    (FAILED, "Something went wrong. Please try again.", "Algo salió mal. Inténtalo de nuevo."),
];

/// The text of a code in a language; English where there is none in it.
pub fn default_text(code: &str, language: &str) -> &'static str {
    let found = TEXTS.iter().find(|(known, ..)| *known == code).or_else(|| TEXTS.last());
    found.map_or("", |(_, english, spanish)| if language.starts_with("es") { spanish } else { english })
}

/// The codes that there are.
#[cfg(test)]
pub(super) fn codes() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(code, ..)| *code)
}
