//! A built-in dictionary of the commonest passwords: 983 words, each alone and with the endings that people add.

use std::{collections::HashSet, sync::LazyLock};

/// Whether a password (in lower case) is one of the commonest: a word of the list, a word with a common ending, a run
/// of digits or letters in order, or a short piece repeated. With the endings the list stands for about 170,000 texts.
pub fn is_common(password: &str) -> bool {
    is_ordered(password) || is_repeated(password) || is_word_with_ending(password)
}

static LIST: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split_ascii_whitespace().collect());

/// Endings that turn one common password into another, beside the years 1950 to 2039.
const ENDINGS: &[&str] = &[
    "", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "00", "01", "02", "07", "08", "09", "10", "11", "12", "13",
    "21", "22", "23", "24", "33", "42", "44", "55", "66", "69", "77", "88", "99", "000", "007", "100", "101", "111",
    "123", "222", "321", "333", "360", "420", "555", "666", "777", "786", "888", "911", "987", "999", "1234", "4321",
    "12345", "123456", "!", "!!", "!1", "1!", "12!", "123!", "1234!", "#", "#1", "$", "@", "@1", "@12", "@123", "*",
    ".", "?", "_", "x", "xx", "xxx", "abc",
];

fn is_word_with_ending(password: &str) -> bool {
    let splits = password.char_indices().map(|(at, _)| at).chain([password.len()]);
    splits.skip(1).any(|at| {
        let (word, ending) = password.split_at(at);
        LIST.contains(word) && is_common_ending(ending)
    })
}

fn is_common_ending(ending: &str) -> bool {
    let year = ending.strip_suffix('!').unwrap_or(ending).parse();
    ENDINGS.contains(&ending) || year.is_ok_and(|year: u16| (1950..2040).contains(&year))
}

/// `123456`, `9876543210`, `abcdef`: each character follows the one before, or precedes it.
fn is_ordered(password: &str) -> bool {
    const RUNS: [&str; 4] = ["01234567890", "1234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop"];
    let backwards: String = password.chars().rev().collect();
    password.len() >= 3 && RUNS.iter().any(|run| run.contains(password) || run.contains(&backwards))
}

/// `111111`, `abcabc`: a piece of at most three characters, again and again.
fn is_repeated(password: &str) -> bool {
    let characters: Vec<char> = password.chars().collect();
    (1..=3).any(|piece| {
        characters.len() >= piece * 2
            && characters.len().is_multiple_of(piece)
            && characters.chunks(piece).all(|chunk| chunk == &characters[..piece])
    })
}

const WORDS: &str = "\
    101010 102030 111222 112211 112233 11223344 121212 123123 123123123 123321 1234321 123451 123456a 123456q 123457 \
    1234qwer 123654 123abc 123abc456 123qwe 123qweasd 124578 12qwaszx 131313 135790 142536 147258 147258369 159357 \
    159753 1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qaz2wsx3edc 212121 232323 246810 252525 258456 456789 654321 666666 \
    696969 741852 741852963 753951 789456 789456123 80085 8675309 90210 963852741 987654 9876543210 a123456 a1234567 \
    a12345678 a1b2c3 a1b2c3d4 aa123456 aaaaaa abc abc123 abcabc abcd abcd1234 abcde abcdef abcdef1 abcdefg abcdefgh \
    abracadabra access account acdc admin admin123 admin1234 administrator africa alejandro alexander alexandra \
    alexis always amanda amazon amelia america american andrew android angel angela angelica angels anthony antonio \
    anything apple apple1 april arsenal asd asdasd asdf asdf1234 asdfgh asdfghjkl ashley asia asshole audi august \
    australia autumn azerty baby babyboy babygirl backup badboy badgirl bailey bambi banana barcelona baseball \
    basketball batman beach bear beatles beer begin berlin bestfriend beyonce bianca bigboy bigdick biggie biggirl \
    bitch biteme blessed blink182 bmw bonnie boss boston boxing brandon brandy brazil brenda brian bridget brother \
    bruno buffalo bull bulldog bulls bullshit bunny burger business buster butter butterfly california callofduty \
    camaro camila canada carlos carmen carolina caroline casino cat catherine celtic champion changeme charles \
    charlie charlotte cheese cheetah chelsea cherry chevy chicago chicken chicken1 china chloe chocolate christ \
    christian christina christine christopher cisco claudia cobra coffee college company computer cookie cookies \
    coolgirl coolguy cooper corona correcthorsebatterystaple corvette counter counterstrike cowboy cowboys cracker \
    cricket crystal cyber cycling cynthia daddy daisy dallas daniel danielle database david death deborah december \
    default dell demo demon denise developer devil diablo diamond diana diego doctor dodge dodgers dog doggie dollar \
    dollars dolphin dominic donald dorothy dragon dream dreams drums dublin ducati eagle earth eduardo edward elena \
    elizabeth elvis emily eminem emma engineer england english erica esther eugene europe everything evil fabian \
    facebook faith falcon family father february felipe felix fernando ferrari fiona fire florence florida flower \
    flowers football ford forest forever fortnite france frances francis francisco frank freedom french friday \
    friend friends frodo fuckoff fuckyou gabriel gabriela gabrielle game gamer games gandalf garfield george gerald \
    german germany ghost giants ginger gladiator gloria gmail god goku gold golden golf golfer goodboy goodbye \
    goodgirl google grace greenday gregory guest guillermo guinness guitar gustavo hacker hacking halo hamster \
    hannah harley harleydavidson harold harry harrypotter hawaii hawk heather heaven hector hell hello hellohello \
    henry hero heythere hi history hobbit hockey hocuspocus hogwarts honda honey hope horse hotgirl hotmail hotsex \
    hulk hunter hunter2 hurricane iamthebest ice idontknow idunno ihateyou ilovegod iloveyou imissyou india initial \
    instagram internet iphone ireland ironmaiden ironman isabel isabella island italy ivan jack jackie jackpot \
    jackson jacob jaguar jaime james janet january japan jasmine jason jasper javier jedi jeffrey jennifer jeremy \
    jerome jesse jessica jesus jimihendrix joanna joel john johnny joker jonathan jordan jorge jose joseph joshua \
    juan juanita julia julian juliana julie july june justin juventus karen karina katherine katie kawasaki keith \
    kelly kenneth kevin killer killme kimberly king kitten kitty knight kristen kristina kyle lakers larry laura \
    laurence lawyer legend leonard leonardo leopard leslie letmein letmein1 lightning lily linda linkedin linkinpark \
    linux lion lisa littleman liverpool lkjhgfdsa login london lorena lorenzo lottery louis love lovely loveme lover \
    loveyou lucifer lucky lucy luigi luis madison madonna madrid maggie magic manager manchester manuel marcela \
    marcelo march marcus margaret maria mariana marie marilyn marina mario mario1 marissa mark martha martin mary \
    master matrix matthew maurice mauricio max maxwell may mazda melanie melissa mercedes mercedes1 merlin metallica \
    mexico michael michelle mickey microsoft miguel milan million millionaire minecraft minnie miranda mitchell \
    mnbvcxz molly mommy monday money money1 monica monkey moon moonlight morgan morning moscow mother mountain \
    mumbai music musica mustang mypassword myspace mysql mystery naruto nascar natalie natasha nathan nathaniel nemo \
    neo netflix network never newpassword newyork nicholas nicole night ninja nintendo nirvana nissan no nobody \
    nokia nopassword norman norway nothing november number nurse ocean october office oldpassword oliver olivia one \
    opensesame openup oracle oracle1 orange oscar oscar1 p@ssw0rd p@ssword pablo packers pamela panther paris pass \
    pass123 pass1234 passcode passpass passphrase passw0rd password password1 password2 passwort patricia patrick \
    paul peace peaches peanut pedro pepper personal peter philip phillip phoebe phoenix piano pikachu pirate pizza \
    platinum player playstation please pluto poiuytrewq pokemon poker poland police pony porsche postgres power \
    prince princess private programmer public puppy pussy q1w2e3 q1w2e3r4 q1w2e3r4t5 qaz qazwsx queen qwe qwe123 \
    qweasd qweasdzxc qweqwe qwer1234 qwerty qwerty1 qwerty123 qwerty12345 qwertyuiop qwertz rabbit racer rachel \
    racing rafael rainbow ramon randy ranger rangers raymond realmadrid rebecca redsox regina ricardo rich richard \
    rihanna river robert roberto robin roblox rock rocknroll rodrigo roger roma ronald ronaldo root root123 rose \
    rosemary rugby running russell russia ruth ryan sabrina safety salvador samantha samsung samurai sandra santiago \
    sarah sasuke satan saturday school science scooby scotland scott sebastian secret secret1 secret123 secure \
    security september sergio server service sesame sexsex sexy sexygirl shadow shannon shark sharon shelby shirley \
    shit sierra silver simba simon simone single sister skywalker slipknot smokey snake snoopy snow soccer soldier \
    someone something sonia sonic sony sophia sophie sorry spain spanish spartan spider spiderman spotify spring \
    star starcraft stars start start123 starwars steelers stephanie stephen steven storm strawberry strength strong \
    student subaru success summer sun sunday sunshine superman superuser support susan suzanne suzuki sweden \
    sweetheart swimming sydney sylvia system taylor teacher temp temp123 tempo temporary tennis tequila teresa terry \
    test test123 test1234 tester testing testtest texas thanks thankyou thepassword there theresa thomas thor \
    thunder thursday tiffany tiger timothy today tokyo tommy tomorrow tony toor tornado toronto toshiba toyota \
    travis trevor trinity trojan trouble trustme trustno1 tuesday tupac turtle twitter tyler ubuntu unicorn united \
    university usa user vader valentina valeria valerie vampire vanessa vegas vegeta veronica victoria victory \
    viking vincent viper virginia vodka volleyball walter wanda warcraft warrior water wednesday welcome welcome1 \
    welcome123 wendy wesley whale whatever whatsapp whiskey william windows winner winter witch wizard wolf \
    wolverine wolves work working wrestling wsx xavier xbox xxxxxx yahoo yamaha yankees yes yoda yolanda \
    yourpassword youtube yvonne zachary zaq12wsx zaq1xsw2 zelda zombie zxc zxcv1234 zxcvbn zxcvbnm zxczxc zzzzzz";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_passwords_are_known() {
        for password in
            ["password", "123456", "qwerty", "iloveyou", "dragon12", "summer2024!", "111111", "abcabc", "654321"]
        {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn what_merely_contains_a_word_is_not_common() {
        for password in ["dragonfruit-lamp", "7passwords7", "x", "ab", "tr0ub4dor&3", "zebra"] {
            assert!(!is_common(password), "{password}");
        }
    }
}
