//! What can become of an event: closed lists, whose names are metric labels and words of the documentation.

macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in metrics, notes and documentation.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// Its place in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use closed_list;

closed_list! {
    /// Why an event left no output record although nothing failed.
    DropReason {
        /// No route was open.
        AllClosed = "all_closed",
        /// A route was open, but no rule kept anything of the event.
        Empty = "empty",
        /// The record has no value.
        Tombstone = "tombstone",
    }
}

closed_list! {
    /// Why an event is in quarantine.
    QuarantineReason {
        /// The value is not one JSON text (RFC 8259), or not valid UTF-8.
        InvalidJson = "invalid_json",
        /// First byte 0: schema-registry framing, which is not JSON.
        FramedValue = "framed_value",
        /// The record is larger than the limit.
        TooLarge = "too_large",
        /// Nested deeper than the limit.
        TooDeep = "too_deep",
        /// The record needs more work than the limit allows.
        TooMuchWork = "too_much_work",
        /// The `split` path is missing, or leads to no container of events.
        Shape = "shape",
        /// A detector hit, where the policy says `on_hit: quarantine`.
        Detected = "detected",
        /// The output would be larger than its topic takes.
        OutputTooLarge = "output_too_large",
        /// The broker refused the output record although it fitted our limits.
        Refused = "refused",
        /// A panic in our own code, caught. The value is not printed.
        Panic = "panic",
    }
}

closed_list! {
    /// Why a route is closed for an event. Where several reasons hold, the first of this list is given: what a person
    /// said comes before what the law or the house says, and both before what nobody said.
    CloseReason {
        /// A consent that the person took back covers a required purpose.
        Withdrawn = "withdrawn",
        /// The person objected to a required purpose.
        Objected = "objected",
        /// The person refused a required purpose.
        Denied = "denied",
        /// An opt-out signal denies a required purpose: in the event, or remembered for its subject.
        OptOutSignal = "opt_out_signal",
        /// The preset forbids a required purpose in this place, or for a child.
        Prohibited = "prohibited",
        /// The event names a subject twice: whom it is about cannot be known.
        Ambiguous = "ambiguous",
        /// Everybody may opt out here, and the event names nobody whose choices could be asked for.
        NoSubject = "no_subject",
        /// Consent was given, and is older than it lasts.
        Expired = "expired",
        /// Consent was given after the event, or the event has no usable time.
        NotYetGranted = "not_yet_granted",
        /// Consent was given, but by somebody too young to give it alone.
        NoGuardian = "no_guardian",
        /// The place is unknown, so that the strictest law applies, and nobody gave consent.
        UnknownPlace = "unknown_place",
        /// Consent must be given here (opt_in), and nobody gave it.
        NoSignal = "no_signal",
    }
}

closed_list! {
    /// What was done to a scalar, or why it went.
    Effect {
        /// Left byte for byte as it was.
        Keep = "keep",
        /// A `drop` rule named it, or no rule did.
        Drop = "drop",
        /// Replaced by a token.
        Token = "token",
        /// Masked.
        Mask = "mask",
        /// Rounded (time or number).
        Round = "round",
        /// Replaced by the lower edge of its bucket.
        Bucket = "bucket",
        /// Address with host bits cleared.
        Ip = "ip",
        /// URL cut down.
        Url = "url",
        /// User agent reduced to family and major version.
        UserAgent = "user_agent",
        /// Is one of the listed values.
        OneOf = "one_of",
        /// Replaced by a fixed value.
        Fixed = "fixed",
        /// Dropped: the value's type or form does not fit the action.
        DropType = "drop_type",
        /// Dropped: a container where a scalar was meant.
        DropShape = "drop_shape",
        /// Dropped: a purpose in the rule's `needs` is not permitted.
        DropNeeds = "drop_needs",
        /// Dropped: not one of the listed values, or below the first bucket.
        DropUnlisted = "drop_unlisted",
        /// Dropped: the token key of its epoch is gone.
        DropEpochGone = "drop_epoch_gone",
        /// Dropped: a detector found personal data, and masking it is not possible or not wanted.
        DropDetected = "drop_detected",
    }
}

impl Effect {
    /// Whether the scalar is gone.
    pub const fn drops(self) -> bool {
        self as usize >= Effect::DropType as usize || matches!(self, Effect::Drop)
    }
}

/// The result of one route for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// A record goes out.
    Open,
    /// Consent does not allow this route.
    Closed(CloseReason),
    /// Consent would allow it, but there is nothing to send (`empty`, `tombstone`).
    Dropped(DropReason),
    /// The event is in quarantine, on every route.
    Quarantined,
}

/// The result of one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// At least one route sent a record.
    Forward,
    /// No record left, and nothing failed.
    Drop(DropReason),
    /// Something failed: coordinates go to the quarantine topic.
    Quarantine(QuarantineReason),
}
