//! Each action on values that fit, values at its edges, and values that do not fit.

use std::cmp::Ordering;

use tamis::engine::action::Literal;

use super::*;

#[test]
fn scalars_of_the_wrong_type_are_dropped() {
    let texts =
        [Action::Mask { last: 0 }, Action::Ip { v4: 24, v6: 40 }, url(&[]), Action::UserAgent, time(60_000, None)];
    for action in &texts {
        for value in [Scalar::Null, Scalar::Bool(true), Scalar::Number("1718000000")] {
            assert_eq!(run(action, value), Err(UNFIT), "{action:?}");
        }
    }
    for action in [round("10"), bucket(&["0"])] {
        for value in [Scalar::Null, Scalar::Bool(true), Scalar::String("10"), Scalar::Number("1e999999")] {
            assert_eq!(run(&action, value), Err(UNFIT), "{action:?}");
        }
    }
}

#[test]
fn a_token_that_is_not_made_lets_nothing_through() {
    assert_eq!(run(&Action::Token { namespace: String::new() }, Scalar::String("u-1")), Err(Effect::Drop));
    assert_eq!(run(&Action::Drop, Scalar::Null), Err(Effect::Drop));
    assert_eq!(run(&Action::Keep, Scalar::Null).as_deref(), Ok("null"));
}

#[test]
fn mask_keeps_the_shape_only() {
    expect_texts(
        &Action::Mask { last: 0 },
        &[
            ("Order A-42, Zoë!", "***** *-00, ***!"),
            ("", ""),
            ("***", "***"),
            ("北京 ٣Ⅷ", "** 00"),
            ("a\"\\\n", "*\"\\\n"),
            ("alice@example.com", "*@*"),
            ("*@*", "*@*"),
            ("mail alice@example.com", "**** *****@*******.***"),
        ],
    );
    assert_eq!(run(&Action::Mask { last: 0 }, Scalar::String("a\"\u{1}")).as_deref(), Ok("\"*\\\"\\u0001\""));
}

#[test]
fn mask_leaves_at_most_a_third() {
    expect_texts(
        &Action::Mask { last: 4 },
        &[
            ("4111111111111111", "0000000000001111"),
            ("ABCDEFGHI", "******GHI"),
            ("AB", "**"),
            ("ABC", "**C"),
            ("", ""),
            ("alice@example.com", "*@*"),
            ("éééééé", "****éé"),
        ],
    );
    expect_texts(&Action::Mask { last: usize::MAX }, &[("ABCDEFGHI", "******GHI")]);
}

#[test]
fn times_are_floored_in_the_notation_they_came_in() {
    expect_texts(
        &time(60_000, None),
        &[
            ("2026-01-23T13:12:06.469Z", "2026-01-23T13:12:00.000Z"),
            ("2026-01-23T13:12:06Z", "2026-01-23T13:12:00Z"),
            ("2026-01-23t13:12:06z", "2026-01-23t13:12:00z"),
            ("2026-01-23 13:12:06", "2026-01-23 13:12:00"),
            ("2026-01-23T13:12", "2026-01-23T13:12"),
            ("2026-01-23", "2026-01-23"),
            ("20260123T131206Z", "20260123T131200Z"),
            ("2026-01-23T13:12:06,4+0530", "2026-01-23T13:12:00,0+0530"),
            ("2026-01-23T13:12:06.123456789-08", "2026-01-23T13:12:00.000000000-08"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:00Z"),
            ("0000-01-01T00:00:59Z", "0000-01-01T00:00:00Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:00Z"),
            ("1969-12-31T23:59:59.9Z", "1969-12-31T23:59:00.0Z"),
        ],
    );
}

#[test]
fn the_grid_is_that_of_utc_whatever_the_offset() {
    expect_texts(
        &time(86_400_000, None),
        &[
            ("2026-01-23T01:30:00+02:00", "2026-01-22T02:00:00+02:00"),
            ("2026-01-23T23:30:00-05:00", "2026-01-23T19:00:00-05:00"),
            ("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z"),
            ("2024-02-29T12:00Z", "2024-02-29T00:00Z"),
        ],
    );
    expect_texts(
        &time(3_600_000, None),
        &[("2026-01-23T13:40:00+05:30", "2026-01-23T13:30:00+05:30"), ("2026-01-23", "2026-01-23")],
    );
    // Weeks count from the epoch, a Thursday.
    expect_texts(&time(7 * 86_400_000, None), &[("2026-01-23", "2026-01-22")]);
}

#[test]
fn a_step_finer_than_the_notation_takes_the_common_grid() {
    // Multiples of 90 s that minutes can spell are those of 180 s.
    expect_texts(
        &time(90_000, None),
        &[("1970-01-01T00:05", "1970-01-01T00:03"), ("1970-01-01T00:05:00", "1970-01-01T00:04:30")],
    );
    assert_eq!(number(&time(1500, Some(TimeUnit::Seconds)), "1005").as_deref(), Ok("1005"));
    assert_eq!(number(&time(1500, Some(TimeUnit::Seconds)), "1007").as_deref(), Ok("1005"));
    assert_eq!(number(&time(1500, Some(TimeUnit::Milliseconds)), "2999").as_deref(), Ok("1500"));
}

#[test]
fn what_is_no_time_does_not_fit() {
    expect_unfit(
        &time(60_000, None),
        &[
            "",
            "yesterday",
            "2026-1-23",
            "2026-13-01",
            "2026-02-30",
            "2023-02-29",
            "20260123",
            "2026-01-23T",
            "2026-01-23T13",
            "2026-01-23T24:00",
            "2026-01-23T13:60",
            "2026-01-23T13:12:61Z",
            "2026-01-23T13:12:06.Z",
            "2026-01-23T13:12:06Z ",
            " 2026-01-23",
            "2026-01-23T13:12:06+25:00",
            "2026-01-23T13:12:06 Europe/Paris",
            "2026-0123",
            "202601-23",
            "2026-01-23T13:1206",
            "1718000000",
            "+12026-01-23",
            "Fri, 23 Jan 2026 13:12:06 GMT",
            "2026-01-23T13:12:06Zalice",
            "２026-01-23",
        ],
    );
}

#[test]
fn unix_times_need_a_unit_and_stay_what_they_were() {
    let (seconds, millis) = (time(60_000, Some(TimeUnit::Seconds)), time(60_000, Some(TimeUnit::Milliseconds)));
    for (action, value, want) in [
        (&seconds, "1718000079", "1718000040"),
        (&seconds, "1718000079.250", "1718000040.000"),
        (&seconds, "-1", "-60"),
        (&seconds, "-0.0001", "-60.0000"),
        (&millis, "1718000079123", "1718000040000"),
        (&millis, "1718000079123.5", "1718000040000.0"),
        (&millis, "0", "0"),
        (&millis, "-0", "0"),
    ] {
        assert_eq!(number(action, value).as_deref(), Ok(want), "{value}");
        assert_eq!(text(action, value).as_deref(), Ok(want), "{value} as text");
    }
    assert_eq!(text(&seconds, "2026-01-23T13:12:06Z").as_deref(), Ok("2026-01-23T13:12:00Z"));
    for value in ["1e9", "1.5e3", "99999999999999999999"] {
        assert_eq!(number(&seconds, value), Err(UNFIT), "{value}");
    }
    expect_unfit(&seconds, &["", "-", ".5", "5.", "01", "1 ", "1e9", "0x1", "1_000"]);
}

#[test]
fn numbers_round_exactly_to_the_nearest_multiple() {
    for (step, value, want) in [
        ("10", "27.5", "30"),
        ("10", "25", "30"),
        ("10", "-25", "-30"),
        ("10", "24.999999999999999999999999", "20"),
        ("10", "-3", "0"),
        ("0.1", "0.25", "0.3"),
        ("0.1", "0.3", "0.3"),
        ("0.1", "27.349", "27.3"),
        ("0.1", "1e-300", "0"),
        ("0.01", "1.005", "1.01"),
        ("10", "1e2", "100"),
        ("10", "1.0e1", "10"),
        ("1000", "1499.99", "1000"),
        ("1e3", "1500", "2000"),
        ("2.5", "3.75", "5"),
        ("1", "123456789012345678901234567890.5", "123456789012345678901234567891"),
        ("10", "-0.0", "0"),
        ("3", "4.5", "6"),
        ("1e300", "1", "0"),
        ("1e300", "5e299", "1e300"),
    ] {
        assert_eq!(number(&round(step), value).as_deref(), Ok(want), "{value} by {step}");
    }
    assert_eq!(number(&round("10"), "1e300"), Err(UNFIT));
    assert!(Step::parse("0").is_none() && Step::parse("-1").is_none() && Step::parse("1.").is_none());
}

#[test]
fn buckets_give_their_lower_edge() {
    let action = bucket(&["0", "10", "1e2", "1000.50"]);
    for (value, want) in [
        ("0", "0"),
        ("-0", "0"),
        ("9.99999999999999999999", "0"),
        ("10", "10"),
        ("1e1", "10"),
        ("99", "10"),
        ("100", "1e2"),
        ("1000.5", "1000.50"),
        ("1e30", "1000.50"),
        ("1e-30", "0"),
    ] {
        assert_eq!(number(&action, value).as_deref(), Ok(want), "{value}");
    }
    assert_eq!(number(&action, "-1e-30"), Err(Effect::DropUnlisted));
    assert!(Edge::parse("ten").is_none());
    let (low, high) = (Edge::parse("9.5").expect("edge"), Edge::parse("1e1").expect("edge"));
    assert_eq!(low.compare(&high), Ordering::Less);
}

#[test]
fn addresses_lose_their_host_bits() {
    expect_texts(
        &Action::Ip { v4: 24, v6: 40 },
        &[
            ("203.0.113.7", "203.0.113.0"),
            ("203.0.113.0", "203.0.113.0"),
            ("::ffff:203.0.113.7", "203.0.113.0"),
            ("::FFFF:cb00:7107", "203.0.113.0"),
            ("2001:db8:1234:5678::1", "2001:db8:1200::"),
            ("2001:0DB8:0000::1", "2001:db8::"),
            ("::1", "::"),
            ("64:ff9b::203.0.113.7", "64:ff9b::"),
            ("fe80:0:0:1::", "fe80::"),
        ],
    );
    expect_texts(&Action::Ip { v4: 0, v6: 0 }, &[("203.0.113.7", "0.0.0.0"), ("2001:db8::1", "::")]);
    expect_texts(
        &Action::Ip { v4: 32, v6: 128 },
        &[("203.0.113.7", "203.0.113.7"), ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1")],
    );
    // What IPv4 may keep bounds the addresses that carry one.
    expect_texts(&Action::Ip { v4: 8, v6: 64 }, &[("2002:cb00:7107:1::1", "2002:cb00::")]);
    expect_texts(
        &Action::Ip { v4: 24, v6: 128 },
        &[("64:ff9b::203.0.113.7", "64:ff9b::cb00:7100"), ("::203.0.113.7", "::cb00:7100")],
    );
    expect_unfit(
        &Action::Ip { v4: 24, v6: 40 },
        &[
            "",
            " 203.0.113.7",
            "203.0.113.7:80",
            "[2001:db8::1]",
            "[2001:db8::1]:80",
            "fe80::1%eth0",
            "203.0.113.7/24",
            "203.0.113",
            "203.0.113.07",
            "203.0.113.7, 10.0.0.1",
            "localhost",
            "3405803783",
        ],
    );
}

#[test]
fn urls_keep_place_and_listed_parameters() {
    expect_texts(
        &url(&["page", "sort by", "é"]),
        &[
            (
                "https://shop.example/p/1?page=2&email=a%40b.example&page=3#top",
                "https://shop.example/p/1?page=2&page=3",
            ),
            ("https://ann:secret@shop.example:8443/a//b/", "https://shop.example:8443/a//b/"),
            ("HTTPS://Shop.EXAMPLE/%7e?", "HTTPS://Shop.EXAMPLE/%7e"),
            (
                "https://shop.example?p%61ge=1&sort+by=x&sort%20by=y&%C3%A9=z&Page=2&pag%65%zz=3&&=5",
                "https://shop.example?p%61ge=1&sort+by=x&sort%20by=y&%C3%A9=z",
            ),
            ("https://shop.example/?page", "https://shop.example/?page"),
            ("/cart?page=1&x=2#f", "/cart?page=1"),
            ("//cdn.example/x?page=1", "//cdn.example/x?page=1"),
            ("?page=1&uid=7", "?page=1"),
            ("#section", ""),
            ("", ""),
            ("../a", "../a"),
            ("app://open/settings?page=1&t=2", "app://open/settings?page=1"),
            ("wss://live.example/s", "wss://live.example/s"),
            ("https://[2001:db8::1]:80/x?y", "https://[2001:db8::1]:80/x"),
            ("https://bücher.example/ü", "https://bücher.example/ü"),
            ("https://a@b@shop.example/x", "https://shop.example/x"),
            ("https://shop.example/x?page=1?email=a&page=2", "https://shop.example/x?page=2"),
            ("https://shop.example/x?page=1;email=a", "https://shop.example/x"),
            ("https://shop.example/x?page=1 Jean Dupont&page=2", "https://shop.example/x?page=2"),
            ("https://shop.example/x?page=a=b", "https://shop.example/x?page=a=b"),
            (
                "https://shop.example/x?page=https://other.example/",
                "https://shop.example/x?page=https://other.example/",
            ),
        ],
    );
}

#[test]
fn what_is_no_url_with_a_place_does_not_fit() {
    expect_unfit(
        &url(&["page"]),
        &[
            "mailto:alice@example.com",
            "data:text/plain,alice",
            "javascript:alert(1)",
            "javascript://x/%0aalert(1)",
            "tel:+33123456789",
            "file:///home/alice",
            "file://host/home/alice",
            "blob:https://shop.example/1",
            "Jean Dupont",
            "alice@example.com",
            "shop.example/p",
            "shop.example:8080/p",
            "user:secret@shop.example/p",
            "https:shop.example",
            "https:/shop.example",
            "https://",
            "https:///p",
            "https://ann@",
            "https://:80/",
            "https://user:pa/ss@shop.example/",
            "https://user:pa?ss@shop.example/",
            "https:\\\\shop.example\\p",
            "https://shop.example\\@evil.example/",
            " https://shop.example/",
            "https://shop.example/\n",
            "https://shop.example/a b",
            "https://shop.example/a;jsessionid=1",
            "https://shop.example/r/https://ann:secret@other.example/",
            "/r/https%3A%2F%2Fother.example%3Ft=1",
            "://shop.example/",
            "1https://shop.example/",
            "https://shop%2eexample/",
            "https://[2001:db8::1/",
            "https://sh\"op.example/",
        ],
    );
}

#[test]
fn user_agents_become_family_and_major() {
    let safari = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)";
    let chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36";
    for (value, want) in [
        (chrome.to_owned(), "Chrome/120"), (format!("{chrome} Edg/120.0.2210.91"), "Edge/120"), (format!("{chrome} OPR/106.0.0.0"), "Opera/106"),
        (format!("{chrome} Vivaldi/6.5"), "Vivaldi/6"), (format!("{safari} Version/17.2 Safari/605.1.15"), "Safari/17"),
        (format!("{safari} CriOS/120.0.6099.119 Mobile/15E148 Safari/604.1"), "Chrome/120"), (format!("{safari} FxiOS/121.0 Mobile/15E148 Safari/605.1.15"), "Firefox/121"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0".to_owned(), "Firefox/121"),
        ("Mozilla/5.0 (Linux; Android 13) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36".to_owned(), "SamsungBrowser/23"),
        ("Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)".to_owned(), "IE/10"), ("Mozilla/5.0 (Windows NT 10.0; Trident/7.0; rv:11.0) like Gecko".to_owned(), "IE/11"),
        ("Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18".to_owned(), "Opera/12"),
        ("Mozilla/5.0 (Linux; Android 6.0.1) AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/120.0.0.0 Safari/537.36".to_owned(), "Googlebot/2"),
        ("okhttp/4.9.3".to_owned(), "okhttp/4"), ("curl/8.1.2".to_owned(), "curl/8"), ("python-requests/2.31.0".to_owned(), "python-requests/2"),
        ("AcmeShop/7.2 CFNetwork/1410.0.3 Darwin/22.6.0".to_owned(), "CFNetwork/1410"), ("AliceDupont/1.0".to_owned(), "Other"), (String::new(), "Other"),
        ("Chrome/4111111111111111".to_owned(), "Other"), ("Chrome/x".to_owned(), "Other"), ("Other".to_owned(), "Other"), ("alice@example.com".to_owned(), "Other"),
    ] {
        assert_eq!(text(&Action::UserAgent, &value).as_deref(), Ok(want), "{value:?}");
    }
}

#[test]
fn listed_values_stay_as_spelled_and_others_go() {
    let list = Action::OneOf(vec![
        Literal::String("Order Completed".into()),
        Literal::Number("1".into()),
        Literal::Bool(true),
        Literal::Null,
    ]);
    for value in [
        Scalar::String("Order Completed"),
        Scalar::Number("1"),
        Scalar::Number("1.0"),
        Scalar::Number("10e-1"),
        Scalar::Bool(true),
        Scalar::Null,
    ] {
        assert_eq!(apply(&list, value, &mut Vec::new()), Applied::Kept);
    }
    for value in [
        Scalar::String("order completed"),
        Scalar::String("1"),
        Scalar::Number("1.0000000000000000000000001"),
        Scalar::Number("1e999999"),
        Scalar::Bool(false),
    ] {
        assert_eq!(run(&list, value), Err(Effect::DropUnlisted));
    }
    assert_eq!(run(&Action::OneOf(vec![Literal::String("a".into())]), Scalar::Null), Err(Effect::DropUnlisted));
}

#[test]
fn fixed_says_the_same_whatever_came() {
    for value in [Scalar::Null, Scalar::Bool(true), Scalar::Number("1"), Scalar::String("alice")] {
        assert_eq!(run(&Action::Fixed(Literal::Null), value).as_deref(), Ok("null"));
        assert_eq!(run(&Action::Fixed(Literal::Bool(false)), value).as_deref(), Ok("false"));
        assert_eq!(run(&Action::Fixed(Literal::Number("1e2".into())), value).as_deref(), Ok("1e2"));
        assert_eq!(run(&Action::Fixed(Literal::String("a \"b\"".into())), value).as_deref(), Ok("\"a \\\"b\\\"\""));
    }
}
