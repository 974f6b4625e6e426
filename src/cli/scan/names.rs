//! What the name of a field says about what stands there, in English, French, German, Spanish and Italian.
//!
//! For the proposal alone: a name that is not known here proves nothing, so what it names must be told by its values.

use super::paths::Step;

/// What a field is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Ids that are made tokens; subjects, those that consent can be asked for.
    Account,
    Device,
    Cookie,
    AdId,
    Session,
    Message,
    Order,
    /// A click on an advertisement, a recipient of a letter.
    Click,
    /// Some id.
    Id,
    Email,
    Phone,
    PersonName,
    Postal,
    Birth,
    Demographic,
    Secret,
    Money,
    Government,
    Precise,
    Special,
    Country,
    Region,
    Ip,
    Url,
    UserAgent,
    Time,
    FreeText,
    CampaignSource,
    CampaignMedium,
    CampaignName,
    CampaignTerm,
    CampaignContent,
    Locale,
}

use Role::*;

/// Whole names, without separators, in small letters.
const WHOLE: &[(Role, &str)] = &[
    (
        Account,
        "userid uid user accountid account customerid customer memberid memberno clientno kundennummer \
        kundenid idcliente numeroclient idclient loginid crmid contactid personid previousid patientid",
    ),
    (
        Device,
        "anonymousid anonid deviceid device duid domainuserid clientid appinstanceid installid installationid \
        visitorid idvisiteur fingerprint browserid",
    ),
    (Cookie, "nuid networkuserid cookieid ga fbp fbc cid"),
    (AdId, "advertisingid adid idfa idfv gaid aaid maid adtrackingid"),
    (Session, "sessionid session sid domainsessionid gasessionid visitid"),
    (Message, "messageid eventid eid insertid requestid traceid spanid correlationid hitid"),
    (
        Order,
        "orderid order ordernumber orderno trid transactionid checkoutid cartid invoiceid bestellnummer \
        commandeid numerocommande pedidoid ordineid reservationid bookingid",
    ),
    (Click, "gclid gbraid wbraid dclid fbclid msclkid ttclid twclid lifatid yclid clickid mceid hsenc mktok"),
    (
        PersonName,
        "firstname lastname fullname surname givenname familyname middlename username displayname nickname \
        prenom nom nomfamille vorname nachname nombre apellido apellidos cognome nome author recipient \
        sender owner maidenname login",
    ),
    (
        Postal,
        "address street postcode zip zipcode postalcode city town adresse rue codepostal ville strasse plz \
        stadt ort direccion calle ciudad codigopostal indirizzo via cap citta housenumber hausnummer",
    ),
    (
        Birth,
        "birthday birthdate dateofbirth dob bday datenaissance datedenaissance geburtsdatum geburtstag \
        fechanacimiento fechadenacimiento datanascita datadinascita birthyear yearofbirth",
    ),
    (
        Demographic,
        "age gender sex sexe genre geschlecht genero sexo genere sesso title salutation civilite anrede \
        maritalstatus income einkommen revenu",
    ),
    (
        Secret,
        "apikey accesskeyid accesskey privatekey authorization cookie cookies setcookie csrf xsrf pin otp cvv \
        cvc motdepasse passwort contrasena jwt bearer sig signature",
    ),
    (
        Money,
        "iban bic swift cardnumber pan creditcard card accountnumber kontonummer last4 rib carte tarjeta \
        carta salary gehalt salaire",
    ),
    (
        Government,
        "ssn nir nino nhsnumber steuerid dni nie nif codicefiscale bsn pesel cpf sin aadhaar itin taxid \
        nationalid passport passportnumber idcard personnummer hetu numerosecu insee licenseplate plate \
        kennzeichen immatriculation vin imei",
    ),
    (Precise, "lat latitude lon lng long longitude coordinates coords latlng latlon geohash accuracy altitude"),
    (Country, "country countrycode pays land pais paese geocountry"),
    (Region, "region regioncode state subdivision bundesland departement provincia provinz"),
    (Ip, "ip ipaddress ipaddr remoteaddr useripaddress clientip ipoverride xforwardedfor remoteip"),
    (
        Url,
        "url uri href link referrer referer refr pageurl pagelocation pagereferrer initialreferrer targeturl \
        landingpage path pagepath pathname",
    ),
    (UserAgent, "useragent ua browserua httpuseragent"),
    (
        Time,
        "timestamp time ts dtm stm sentat receivedat originaltimestamp createdat eventtime clienttime date \
        datetime at when horodatage zeitpunkt fecha created updatedat",
    ),
    (
        FreeText,
        "search query q searchterm keyword keywords comment comments message text body subject description \
        pagetitle note notes bio about feedback review content error errormessage stack stacktrace reason \
        recherche suche busqueda ricerca commentaire kommentar nachricht mensaje messaggio label",
    ),
    (CampaignSource, "utmsource campaignsource"),
    (CampaignMedium, "utmmedium campaignmedium"),
    (CampaignName, "utmcampaign campaignname campaign"),
    (CampaignTerm, "utmterm campaignterm"),
    (CampaignContent, "utmcontent campaigncontent"),
    (Locale, "locale lang language langue sprache idioma lingua timezone tz"),
];

/// Words anywhere in a name, those that weigh more first.
const WORDS: &[(Role, &str)] = &[
    (
        Special,
        "health sante gesundheit salud salute medical diagnosis diagnostic diagnose disease illness symptom \
        medication treatment pregnancy pregnant allergy disability handicap religion religious belief \
        ethnicity race nationality union syndicat gewerkschaft party political politics sexual orientation \
        biometric genetic criminal conviction child children kids minor",
    ),
    (Secret, "password passwd pwd secret token credential credentials auth passphrase"),
    (Email, "email mail emails courriel correo"),
    (Phone, "phone mobile telephone telefon telefono tel msisdn handy portable fax whatsapp"),
    (Money, "iban card payment"),
    (Birth, "birth born naissance"),
    (Postal, "address adresse street zip postal"),
    (Ip, "ip"),
    (Url, "url uri href referrer referer"),
    (FreeText, "search query comment message error"),
];

/// Objects that hold what is a person's.
const PERSONS: &str = "traits user customer person contact profile billing shipping visitor member patient kunde cliente \
    utilisateur client recipient sender address userproperties userdata author owner employee passenger \
    guest";

/// Names that SDKs and tracking plans use everywhere: in no list above, and nobody's.
const COMMON: &str = "batch events data records messages hits event type name value values context contexts page properties \
    params parameters integrations library version screen network os app geo consent categorypreferences \
    analytics advertising marketing functional performance targeting necessary products items item product \
    sku price quantity currency total tax discount coupon category brand variant position plan model \
    manufacturer width height density build schema platform channel source medium term tcf gpp gppsid gpc \
    usprivacy gcs gcd adstorage analyticsstorage aduserdata adpersonalization groups headers header key id \
    metadata meta attributes fields tags categories status count step method duration hostname host port \
    level logger service environment env";

/// Whether a key is in one of these lists: such a key is a schema's, also if it came only once.
pub(super) fn is_listed(key: &str) -> bool {
    let words = words(key);
    let whole = words.concat();
    let role = WHOLE.iter().any(|(_, names)| lists(names, &whole));
    role || lists(COMMON, &whole) || lists(PERSONS, &whole) || WORDS.iter().any(|(_, names)| lists(names, &whole))
}

/// Whether a list, words between spaces, has this one.
fn lists(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// What the last name of a path says; names around it can say more.
pub(super) fn role(steps: &[Step]) -> Option<Role> {
    let mut names = steps.iter().rev().filter_map(|step| match step {
        Step::Name(name) => Some(words(name)),
        _ => None,
    });
    let mut own = names.next()?;
    let mut holders: Vec<String> = names.map(|words| words.concat()).collect();
    // `{"tel": {"value": …}}`
    if own == ["value"] && !holders.is_empty() {
        own = vec![holders.remove(0)];
    }
    let whole = own.concat();
    let of_person = holders.iter().any(|holder| lists(PERSONS, holder));
    if holders.first().is_some_and(|holder| holder == "campaign") {
        return Some(match whole.as_str() {
            "source" => CampaignSource,
            "medium" => CampaignMedium,
            "term" => CampaignTerm,
            "content" => CampaignContent,
            _ => CampaignName,
        });
    }
    let listed = |table: &[(Role, &str)], holds: &dyn Fn(&str) -> bool| {
        table.iter().find(|(_, names)| holds(names)).map(|(role, _)| *role)
    };
    let found = listed(WHOLE, &|names| lists(names, &whole))
        .or_else(|| listed(WORDS, &|names| own.iter().any(|word| lists(names, word))));
    match found {
        // A page has a title, too.
        Some(Demographic) if whole == "title" && !of_person => Some(FreeText),
        None if of_person && whole == "name" => Some(PersonName),
        None if of_person && whole == "id" => Some(Account),
        None if own
            .last()
            .is_some_and(|word| matches!(word.as_str(), "id" | "uuid" | "guid" | "ids" | "key" | "hash")) =>
        {
            Some(Id)
        }
        None if own.last().is_some_and(|word| matches!(word.as_str(), "at" | "time" | "timestamp" | "date" | "ts")) => {
            Some(Time)
        }
        found => found,
    }
}

/// Words of a name, in small letters without accents of their own: `pageURL`, `page_url` and `PageUrl` are `page`, `url`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    let mut letters = name.chars().peekable();
    while let Some(c) = letters.next() {
        let humps = before.is_lowercase() && c.is_uppercase()
            || before.is_uppercase() && c.is_uppercase() && letters.peek().is_some_and(|next| next.is_lowercase());
        if (humps || !c.is_alphanumeric()) && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if let (true, Some(word)) = (c.is_alphanumeric(), words.last_mut()) {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> Option<Role> {
        let steps: Vec<Step> = path.split('.').map(|name| Step::Name(name.into())).collect();
        role(&steps)
    }

    #[test]
    fn names_say_what_they_name() {
        for (path, role) in [
            ("userId", Some(Account)),
            ("user_id", Some(Account)),
            ("context.page.url", Some(Url)),
            ("context.page.title", Some(FreeText)),
            ("traits.title", Some(Demographic)),
            ("traits.name", Some(PersonName)),
            ("event.name", None),
            ("context.campaign.name", Some(CampaignName)),
            ("billing.emailAddress", Some(Email)),
            ("tel.value", Some(Phone)),
            ("product_id", Some(Id)),
            ("sentAt", Some(Time)),
            ("healthStatus", Some(Special)),
            ("ipAddress", Some(Ip)),
            ("description", Some(FreeText)),
            ("price", None),
            ("accessToken", Some(Secret)),
        ] {
            assert_eq!(of(path), role, "{path}");
        }
    }

    #[test]
    fn words_end_where_people_end_them() {
        assert_eq!(words("pageURL_parts-v2"), ["page", "url", "parts", "v2"]);
        assert_eq!(words("URLPath"), ["url", "path"]);
    }
}
