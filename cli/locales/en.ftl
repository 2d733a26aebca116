# What Musette says in English. The French catalogue has the same keys and variables; a test
# compares them. Plain, kind, short; no sentence blames the person.

## Asking

prompt = { $question }{" "}
prompt-with-default = { $question } [{ $default }]{" "}
ask-name = Your name, as you want to see it:
ask-device = A name for this device:
ask-passphrase = Your passphrase:
ask-words = Your 24 recovery words, in French or English, on one line or on several:
ask-new-passphrase = A passphrase (or Enter for none):
ask-passphrase-again = The same once more:
ask-word = Word number { $position }:
passphrases-differ = These two are not the same. Please try again.
default-name = Me
default-device = My device

## Making a Musette

vault-explained =
    A passphrase locks your Musette on this device: without it, nobody who copies the disk can
    read anything, and nobody can give it back to you. Without a passphrase, a key file opens
    it: whoever can read your files can then read your Musette.
vault-key-file = No passphrase: a key file in the home opens this Musette. Whoever can read your files can read it too.
vault-keyring = This system's keyring opens this Musette: it is as safe as what unlocks the keyring, and any program that runs as you can ask for it while that is unlocked.
init-name-from-system = Name taken from this system: { $name }
init-device-from-system = Device name taken from this system: { $name }
init-created = Welcome, { $name }. Your Musette is on "{ $device }", in { $home }
init-words-written = Your 24 recovery words are in { $file }. Copy them by hand, then delete the file.
init-words-next =
    Write down your 24 recovery words soon: without them, losing every device means losing everything.
    To see them: musette recovery show
init-next = To start: musette up

## Running

up-listening = Listening on { $address }
up-next = Ready. To add a device: musette device invite. To stop: Ctrl-C.
up-stopping = Stopping…
up-items = { $count ->
    [one] One item is new or changed.
   *[other] { $count } items are new or changed.
}
up-device-here = "{ $device }" is connected.
up-device-out = "{ $device }" was taken out.
up-device-gone = "{ $device }" is no longer connected.
up-pairing-waiting = Waiting for a new device.
up-pairing-confirm = "{ $device }" wants to join. If it is yours: musette device confirm "the three words it shows"
up-pairing-joined = "{ $device }" has joined.
up-pairing-failed = The new device did not join. { $reason }

## Recovery words

recovery-warning = Whoever has these words has your whole Musette. Copy them on paper, for your eyes only; no photo, no file.
recovery-then-check = Once they are on paper: musette recovery check
backup-done = { $dir } holds everything that this device holds ({ $size }); it was read back and is right.
backup-attachments-missing = { $count ->
    [one] One attachment is not all on this device, and so not all in the backup.
   *[other] { $count } attachments are not all on this device, and so not all in the backup.
}
backup-words = It opens with your 24 recovery words, and with nothing else: keep the paper in another place.
restore-waits =
    { $named ->
        [0] Everything
       *[other] Everything of { $name }
    } was read. As a backup may hold what you deleted since, nothing is shown
    before this device met one of your other devices: musette up, here and there.
    If there is none any more: musette restore --alone
restore-done = { $named ->
    [0] Welcome back.
   *[other] Welcome back, { $name }.
} { $items ->
    [one] One item is here.
   *[other] { $items } items are here.
}
restore-alone = { $items ->
    [one] One item is here. It may be one that you had deleted.
   *[other] { $items } items are here; some may be ones that you had deleted.
}
restore-attachments-missing = { $count ->
    [one] One attachment is not all in the backup.
   *[other] { $count } attachments are not all in the backup.
}
restore-incomplete = A part of the backup is missing; the rest is here.
restore-worn = Some of the backup is damaged. Nothing is lost, as that is there twice; but write a new one, on another medium.
restore-damaged = { $size } of the backup could not be read; the rest is here.
recover-let-in = "{ $device }" has let this device in.
recover-next = Your other devices will say that this one was let in with your words. If one of them is lost: musette device revoke NAME. To keep in sync: musette up
passphrase-changed = From now on the new passphrase opens this device, and the old one no longer does. A copy of the folder from before still opens with the old one.
passphrase-set = From now on the passphrase opens this device.
keyring-emptied = Its key is gone from the system's keyring: a copy of the folder from before opens no more.
recovery-checked = That is right. This device no longer keeps the words; keep the paper safe.
recovery-replaced = You have new recovery words. The old ones let nobody in any more, as soon as your other devices have met this one.
recovery-replaced-next =
    Write the new ones down: musette recovery show, then musette recovery check
    The old ones still open backups from before. Make a new one, musette backup DIR, and delete those.

## Status

status-person = { $name }, on "{ $device }"
status-nobody = On "{ $device }"
status-home = Home: { $home }
status-items = { $count ->
    [0] Nothing in it yet.
    [one] One item.
   *[other] { $count } items.
}
status-devices = Devices:
status-attachments = { $count ->
    [one] One attachment is not all here, { $size } of it missing.
   *[other] { $count } attachments are not all here, { $size } missing.
}
status-attachments-only-here = { $count ->
    [one] One attachment ({ $size }) is only on this device. To have it on another one, there: musette fetch
   *[other] { $count } attachments ({ $size }) are only on this device. To have them on another one, there: musette fetch
}
status-coming = {"  "}{ $name }: { $done } of { $size }, from "{ $device }"
status-coming-later = {"  "}{ $name }: { $done } of { $size }; { $waiting }
status-vault-passphrase = Locked with a passphrase.
status-vault-key-file = Opened by a key file: whoever can read your files can read your Musette.
status-vault-keyring = Opened by this system's keyring.
status-running = The node is running.
status-stopped = The node is not running. To start it: musette up
status-recovery-unchecked = Your recovery words have not been checked yet: musette recovery show, then musette recovery check
status-recovery-elsewhere = This device does not keep your recovery words. They are where you wrote them down.
status-notice = Please note: { $notice }
notice-index-rebuilt = the index could not be opened. It was set aside and rebuilt from the journal; nothing is lost.
notice-no-index = the index cannot be used. Everything works, only starting is slower. To rebuild it: musette doctor --rebuild
notice-torn-tail = the last write was cut short. Its unfinished end was removed; everything that was saved is there.
notice-upgraded = your Musette was written by an earlier version of the program, and this one has taken it over. It is kept as it was for seven days, in { $kept }. Please update your other devices in the meantime; after that, those of the earlier version no longer sync.
notice-protocol-older = one of your devices, or a neighbour’s, runs an earlier version of musette, which this one cannot follow any more: please update it.
notice-protocol-newer = one of your devices, or a neighbour’s, runs a newer version of musette: please update this one.
notice-damage-skipped = part of the journal is damaged: what could be read was kept, and the damaged journal is in { $aside }. Your other devices may have what is missing.
notice-healing = this device lacks something after damage, and fetches it from another of your devices; it cannot write until then. If there is none any more: musette restore --alone
notice-restored-waits = this device was restored from a backup, and shows nothing before it met another of your devices. If there is none any more: musette restore --alone
notice-copied = a copy of this folder is in use elsewhere, and both have written as the same device. Nothing is lost. On the copy that fewer of your other devices agree with, to go on there as a device of its own: end musette up, then musette device split NAME
notice-parted = this device and "{ $name }" do not sync: they were given different histories of { $count ->
    [one] "{ $whose }"
   *[other] one of these: { $whose }
}. A copy of its folder is in use, or it was stolen (then take it out first). Nothing is lost. On the one of the two that fewer of your other devices agree with: end musette up, then musette device split NAME, with a new name
notice-device-revoked = this device was taken out: your other devices take nothing from it any more. You can read what is here. To use it again: move this folder away, then musette device join. If a thief took it out, with a device that was yours: musette device revoke DEVICE --words
notice-device-words-replaced = this device was let in with recovery words that were replaced: your other devices take nothing from it. You can read what is here. To use it again: move this folder away, then musette recover, with the new words
notice-quarantine = { $count ->
    [one] one item was changed
   *[other] { $count } items were changed
} by a device after it was taken out. That does not count unless you say so: musette quarantine list
notice-backup-due = the last backup is more than a week ago, if there is one: musette backup DIR
notice-restored-shows = this device, which was restored from a backup, shows what it has.
notice-healed = what could be read after the damage is in order again.
notice-device-unverified = "{ $name }" joined without comparing words.
notice-device-recovered = "{ $name }" was let in with your 24 recovery words. If that was not you, somebody has them: musette recovery replace, so that they let nobody in any more, then musette device revoke { $id }
notice-words-replaced = your recovery words were replaced on another device: the paper with the old ones is void. If that was not you, somebody had them: musette device list shows who is in, and what is not yours is to be taken out.
notice-words-frozen = the same recovery words were replaced twice, on devices that did not know of each other, or by somebody who had seen them. Nobody can tell which replacement is yours, so no words let anybody in or open a new backup. Your devices go on, and musette device invite lets in others: have two at least. Take out what is not yours: musette device list
notice-key-file-vault = a key file opens this Musette: whoever can read your files can read it.
notice-recovery-unchecked = your recovery words have not been checked yet: musette recovery show, then musette recovery check

sync-only-here = Only on this device.
sync-only-here-as-it-is = As it is now, only on this device.
sync-everywhere = On all { $of } of your devices.
sync-partly = On { $have } of your { $of } devices.
sync-waiting = On { $have } of your { $of } devices; { $waiting }.
sync-earlier = { $count ->
    [one] Another device has it as it was before.
   *[other] { $count } others have it as it was before.
}
waiting-paused = syncing is paused here (to go on: musette sync resume)
waiting-budget-used = this device has used up its bytes for today
waiting-budget-low = attachments wait until tomorrow, most of the bytes for today are used
waiting-nobody-there = none of your other devices is connected
waiting-elsewhere = none of the connected devices has the rest
waiting-withheld = the device that has the rest gives no attachments now, to save bytes
waiting-healing = this device is still fetching what damage took
waiting-never-met = "{ $device }" has not been met yet
waiting-peer-paused = "{ $device }" is paused
waiting-peer-budget-used = "{ $device }" has used up its bytes for today
waiting-refused = "{ $device }" and this device cannot talk (why: musette device list)
waiting-to-arrive = changes from "{ $device }" are still to arrive
an-attachment = an attachment
attachment-called = "{ $name }"
waiting-attachment = part of { $attachment } is still to arrive
waiting-attachment-there = an attachment is not all on "{ $device }" yet (where bytes cost money it comes only when asked for there: musette fetch)
waiting-under-way = changes are on their way to "{ $device }"
waiting-out-of-reach = "{ $device }" is out of reach, last seen { $since }

device-with-id = { $device } [{ $id }]
device-line = { $name }: { $state }
device-this = this device
device-agrees = has everything that is here
device-agrees-but = { $count ->
    [one] has everything that is here but one attachment ({ $size })
   *[other] has everything that is here but { $count } attachments ({ $size })
}
device-behind = { $missing ->
    [0] is still to confirm what was decided of devices and words
    [one] one change is still to be sent
   *[other] { $missing } changes are still to be sent
}
device-unreachable = out of reach, last seen { $since }
device-not-connected = not connected, last seen { $since }
device-never-met = not met yet
device-direct = { $device } (connected directly)
device-relayed = { $device } (connected through the relay { $relay })
device-out-of-reach = It cannot be reached at the moment.
device-absent = { $device }, last seen { $since }
device-why-no-relay = It may be off, or on another network: a relay would reach it there (musette relay add).
device-why-no-place-at-relays = None of your relays gives this device a place: musette relay list says why.
device-why-no-relay-answers = None of your relays can be reached: this device's network may be the reason (musette doctor net).
device-why-not-at-relays = It is neither at its addresses nor at your relays: it may be off, or without a network.
device-unverified = { $device } (words not compared)
device-recovered = { $device } (let in with your recovery words, { $since })
device-reason = { $device }. { $reason }
device-revoked = taken out by "{ $by }"
device-revoked-by-words = taken out with the recovery words
device-revoked-with-old-words = out: let in with recovery words that were replaced
revoke-what = "{ $name }" ({ $id }) is taken out for good: nothing that it writes from now on counts, and it can read nothing that is written from now on. What it holds, it keeps.
revoke-type-name = To confirm, its name once more
revoke-done = "{ $name }" is taken out.
split-done = This is now a device of its own, "{ $name }". { $changes ->
    [0] Everything that was here is with your other devices already.
    [one] One change goes on under the new name.
   *[other] { $changes } changes go on under the new name.
}
split-next = Start it again: musette up. Let it meet your other devices before you take the one out that it was copied from: what it has not given them by then does not count.
split-next-parted = Start it again: musette up. Once your other devices have met it, and unless another copy goes on as "{ $from }", take out what it was: musette device revoke "{ $from }"
revoke-already = "{ $name }" was taken out before; nothing has changed.
revoke-restored = In again: { $devices }.
revoke-still-out = Out as before, because of "{ $name }": { $devices }. To let one back in: the same command again, with --restore NAME
revoke-next = Your other devices learn of it when they meet this one. Until then they may still talk to it. If it was stolen: change the passwords that it knows.

remove-done = { $count ->
    [one] One item is in the trash.
   *[other] { $count } items are in the trash.
}
remove-next = To take it back: musette restore-item ID. To be rid of it for good: musette forget ID
restore-item-done = { $count ->
    [one] One item is out of the trash.
   *[other] { $count } items are out of the trash.
}
forget-item = { "  " }{ $title }
forget-more = { $count ->
    [one] { "  " }and one more
   *[other] { "  " }and { $count } more
}
forget-what = What is forgotten is deleted from all your devices, with its attachments and its history, and cannot be brought back: neither from here nor from a backup. Somebody who kept a copy of a device's folder may still have it.
forget-type = To confirm, type the word "forget"
forget-word = forget
forget-done = { $count ->
    [one] One item is forgotten.
   *[other] { $count } items are forgotten.
}
forget-gone = { $of ->
    [one] What you forgot is gone.
   *[other] What you forgot is gone from { $gone } of { $of } devices.
}
forget-waits-here = This device has not erased it yet: it does so within a minute of musette up, or with musette doctor --compact
forget-waits = "{ $name }" was not met yet.
forget-waits-connected = "{ $name }" is about to erase it: it takes a minute or two while both run.
forget-waits-since = "{ $name }" has not erased it yet; last seen { $since }. It takes a minute or two while both run.

net-here = On its own network this device is at { $addresses }.
net-nowhere = This device is on no network.
net-open = It can be called from everywhere: others connect to it directly.
net-keeps = It is behind a router that lets in answers alone, and keeps the door it chose. Direct connections come about with most others, with a relay’s help.
net-chooses-anew = It is behind a router that chooses another door for everybody it calls. Direct connections come about only with who can be called from everywhere; with others a relay carries everything.
net-unknown = How it looks from outside nobody has said yet: a relay tells, once one is connected.
net-unsure = How its router chooses doors one relay alone cannot tell: a second one would.
net-seen = The relay { $relay } sees it at { $address }.
net-no-relay = There is no relay: devices on other networks reach it only if it can be called. To add one: musette relay add RELAY
net-no-place = None of the relays can be reached, or none gives it a place: musette relay list
net-one-place = It can be reached through one relay. A second one helps when that is down.
net-places = It can be reached through { $count } relays.
net-no-udp = This network seems to let no QUIC through (UDP): direct connections are rarer, and all is a little slower.

relay-added = The relay { $relay } is added, for all of your devices. Whether it answers: musette relay list
relay-removed = The relay { $relay } is used no more.
relay-none = There is no relay. To add one: musette relay add RELAY
relay-line = { $relay }: { $state }  { $address }
relay-reserved = this device can be reached through it, since { $since }
relay-unavailable = not available since { $since }
relay-connecting = being asked
relay-off = the node is not running
relay-ticket = { $relay } (the ticket had { $left } left, and ends { $end })
relay-unreachable = Nobody answers at its address.
relay-lost = The connection to it was lost.
relay-other-there = At its address another one answers, or the same under a new key. Ask whoever runs it for a new ticket, or its present address, and add that.

quarantine-empty = There is nothing in quarantine.
quarantine-new = { $id }  { $title } (new, by "{ $by }")
quarantine-changed = { $id }  { $title } (changed by "{ $by }")
quarantine-accepted = { $count ->
    [one] One item counts now as it was changed.
   *[other] { $count } items count now as they were changed.
}

## Syncing

flow-everything = Everything may flow.
flow-metered = Attachments come only when you ask for them: bytes cost money here (musette sync metered off).
flow-budget-low = Attachments wait until tomorrow: most of the bytes for today are used.
flow-paused = Syncing is paused. To go on: musette sync resume
flow-paused-until = Syncing is paused until { $until }. To go on before: musette sync resume
flow-budget-used = The bytes for today are used up. Syncing goes on { $until }, or with more: musette sync budget SIZE
traffic-today = Sent and received today: { $today }.
traffic-of-budget = Sent and received today: { $today } of { $budget }.
size-bytes = { $number } B
size-kilo = { $number } kB
size-mega = { $number } MB
size-giga = { $number } GB
size-tera = { $number } TB
size-decimal = { $whole }.{ $tenths }
sync-now-done = Every device is being looked for.

## Pairing

invite-next = On the new device: musette device join TICKET, with the line above. It works once, until { $expires }.
invite-then-confirm = The new device will show three words. Then, here: musette device confirm "the three words"
invite-then-nothing = It will be let in without comparing words.
confirm-done = Confirmed. Your devices:
join-connecting = Looking for your other device…
join-words =
    These three words must be confirmed on your other device:
    {"    "}{ $words }
    There, type: musette device confirm "{ $words }"
join-waiting = Waiting for the other device…
join-syncing = records received
join-done = { $items ->
    [0] Done. Your Musette is here; there is nothing in it yet.
    [one] Done. Your Musette is here, with one item.
   *[other] Done. Your Musette is here, with { $items } items.
}
join-next = To keep in sync: musette up

## Items

untitled = (untitled)
item-saved = Saved. To see it: musette show { $id }
list-count = { $count ->
    [0] Nothing here yet.
    [one] One item.
   *[other] { $count } items.
}
field-attachments = Attachments
field-undone = Import taken back
list-conflict = { $title } (to be chosen)
value-none = (none)
value-yes = yes
value-no = no
provenance-declared = Written by you.
provenance-declared-on = Written by you on { $on }.
provenance-imported = Imported from { $source }.
provenance-imported-from = Imported from { $source } on { $on } ({ $file }, line { $row }).
show-attachment =
    {"  "}Attached: { $name } ({ $size })
    {"    "}musette extract { $id } { $asked } --to { $quoted }
show-attachment-here = {"    "}Here: { $done } of { $size }. For the rest: musette fetch { $id } { $asked }
show-conflict = Your devices say different things for "{ $field }":
show-resolve = To choose:
history-by = { $at }, on "{ $device }"
history-imported = Imported from { $source }
history-at = { $at }
history-unknown = At an unknown time
history-set = {"  "}{ $field }: { $to }
history-changed = {"  "}{ $field }: { $from } → { $to }
extract-done = { $file } written ({ $size }).
fetch-done = { $name } is here ({ $size }).
fetch-waits = It will come; { $waiting }.
fetch-goes-on = It goes on by itself as soon as it can. You need not wait: it comes too when you stop this command (Ctrl-C).
progress-bytes = { $name }: { $done } of { $size }
kinds-next = For the fields of one: musette kinds KIND
shape-text = text
shape-long-text = long text
shape-number = whole number
shape-yes-no = yes or no
shape-date = date: 2014, 2014-04 or 2014-04-01
shape-list = list: one FIELD=VALUE each
shape-link = link
timeline-empty = Nothing dated here yet.

choice-diploma = diploma
choice-course = course
choice-certificate = certificate
choice-prize = prize
choice-attestation = attestation
choice-other = other
choice-have = have it
choice-wanted = wanted
choice-done-with = done with it
choice-idea = idea
choice-active = active
choice-paused = paused
choice-done = done
choice-dropped = dropped
choice-open = open
choice-doing = under way
choice-peer = peer
choice-manager = manager
choice-organisation = organisation
choice-client = client
choice-teacher = teacher
choice-ordinary = ordinary
choice-personal = personal
choice-confidential = confidential
choice-sealed = sealed
sphere-work = work
sphere-training = training
sphere-association = volunteering
sphere-personal = personal

## Dates

month = { $number ->
    [1] January
    [2] February
    [3] March
    [4] April
    [5] May
    [6] June
    [7] July
    [8] August
    [9] September
    [10] October
    [11] November
   *[12] December
}
date-day = { $day } { $month }
date-day-year = { $day } { $year }
date-month-year = { $month } { $year }
date-and-time = { $date }, { $time }
date-range = { $from } to { $to }
date-days = { $from }–{ $to }
date-since = since { $from }
date-until = until { $to }
date-unknown = at an unknown time

## Imports

import-file = { $file }: { $counts }
import-total = In all: { $counts }
import-added = { $count } new
import-changed = { $count } updated
import-unchanged = { $count } already there
import-kept = { $count } kept as you edited them
import-skipped = { $count } skipped
import-failed = { $count } not readable
import-none = nothing
import-row = { $file }, line { $row }: { $outcome }. { $detail }
import-row-file = { $file }: { $outcome }. { $detail }
import-fields = { $title } ({ $fields })
import-rows-left-off = { $count ->
    [one] One more line is not shown.
   *[other] { $count } more lines are not shown.
}
import-dry-run = This was a rehearsal: nothing was saved. Without --dry-run it will be.
import-undo = To take it back: musette import undo { $batch }
import-list-empty = Nothing was imported yet.
import-batch = { $added } new, { $changed } updated
import-undone = taken back
row-added = new
row-changed = updated
row-kept = kept as you edited it
row-skipped = skipped
row-notice = noted
row-failed = not readable
undo-done = Taken back: { $removed } removed, { $reverted } as before.
undo-kept = { $count ->
    [one] One stays, because you edited it since:
   *[other] { $count } stay, because you edited them since:
}

reason-cell-count = { $expected } cells expected, { $found } found.
reason-record-too-long = Longer than { SIZE($limit) }.
reason-unclosed-quote = A quotation mark opens here and is never closed.
reason-missing-field = "{ $column }" is empty.
reason-bad-date = The date "{ $text }" in "{ $column }" could not be read; it is in the item's note.
reason-not-visible = Not shown by its receiver (status { $status }).
reason-not-accepted = Not accepted (status { $status }).
reason-photo-left-out = { $count ->
    [one] One picture or sound was left out.
   *[other] { $count } pictures or sounds were left out.
}
reason-agent-left-out = A card inside this one was left out.
reason-unterminated-card = This card begins and does not end.
reason-empty-card = This card names nobody.
reason-files-not-mapped = { $count ->
    [one] One file of the archive holds nothing that becomes an item.
   *[other] { $count } files of the archive hold nothing that becomes an item.
}
reason-header-not-found = The columns of this table are not the expected ones.
reason-entry-too-large = Larger than { SIZE($limit) } once unpacked.
reason-entry-damaged = This file of the archive is damaged.
reason-entry-unsupported = This file of the archive is encrypted or packed in an unknown way.
reason-too-many-rows = Only the first { $limit } lines were read.
reason-forgotten = You forgot it; it stays away.
reason-undone = You took it back before; it stays away.

## Doctor

doctor-ok = ✓ { $check }
doctor-wrong =
    ✗ { $check }
    {"  "}{ $hint }
doctor-hint = Keep a copy of the home folder before trying anything.
doctor-sound = Everything is in order.
doctor-unsound = Something needs care; see above.
doctor-compacted = { $before } before, { $after } now.
doctor-rebuilt = The index was made anew from the journal.
check-journal-readable = Journal: { $bad ->
    [0] each of its { $records } records is whole
    [one] one of its { $records } records cannot be read
   *[other] { $bad } of its { $records } records cannot be read
}
check-records-counted = { $orphans ->
    [0] Records: each belongs to a signed commit
    [one] Records: one belongs to no commit yet
   *[other] Records: { $orphans } belong to no commit yet
}
check-views-current = { $bad ->
    [0] Items: each opens and is shown as it is written
    [one] Items: one of { $documents } does not open, or is shown otherwise than written
   *[other] Items: { $bad } of { $documents } do not open, or are shown otherwise than written
}
check-index-open = Index: opens
check-attachments-whole = { $bad ->
    [0] Attachments: each of them is whole
    *[other] Attachments: { $bad } of { $attachments } lack a part
}
check-hint-attachments-whole = The rest comes from another device that has it: musette up
check-hint-index-open = To rebuild it: musette doctor --rebuild
check-hint-views-current = To show them anew from the journal: musette doctor --rebuild
check-hint-journal-readable = Copy the home folder, then fetch what is missing from another device: musette up
check-hint-records-counted = They count once the device that wrote them was met again: musette up

## Demo

demo-laptop = laptop
demo-phone = phone
demo-what = the two nodes of the demo
demo-hello = Emilie is a graphic designer and an invented person. Here is her Musette, on two real nodes.
demo-begin = Emilie makes a Musette on her { $device }…
demo-collected = … and puts { $count } things in it.
demo-invite = She invites her { $device }; the ticket goes from one to the other, nothing else.
demo-joined = The { $device } has joined and holds the same { $count } items.
demo-live = She notes { $count } more on the phone: both hold { $total } at once.
demo-offline = Now both are off. She goes on writing on each.
demo-two-fields = { $organisation }: a description on one, skills on the other.
demo-same-field = { $organisation }: another job title on each. Which is right?
demo-merged = They meet again. The two fields have merged; both titles were kept:
demo-resolved = She chooses on the phone: { $role }. The laptop follows.
demo-timeline = Her time-line, read on the { $device }:
demo-digest = { $device }: { $digest }
demo-agree = Both hold the same { $count } items, to the byte.
demo-differ = The two nodes do not hold the same. This is a fault of ours; please report it.
demo-stays = The two nodes go on. In another terminal, try:
demo-ctrl-c = To end the demo and throw it all away: Ctrl-C
demo-gone = The demo is over; its two homes are gone.

## Errors: what happened, then what to do

failed = musette: { $message }
error-unnamed = Something went wrong ({ $code }).
error-usage = { $message }
hint-usage = For help: musette --help
error-internal = Something went wrong inside Musette.
hint-internal = Your data is as it was. Please report this, with the lines that -v shows.
error-not-found = Nothing has an id that begins with "{ $id }".
hint-not-found = To see what there is: musette list
error-ambiguous-id = Several ids begin with "{ $id }".
hint-ambiguous-id = Please type a few more characters.
error-id-too-short = An id needs at least { $min } characters.
hint-id-too-short = To see ids: musette list
error-unknown-kind = There is no kind of item called "{ $kind }".
hint-unknown-kind = To see which there are: musette kinds
error-unknown-field = This kind of item has no field "{ $field }".
hint-unknown-field = Its fields: { $known }
error-bad-date = "{ $value }" is not a date.
hint-bad-date = A date is 2014, 2014-04 or 2014-04-01, and may go on with a time: 2014-04-01T10:00
error-bad-number = "{ $value }" is not a whole number.
error-bad-choice = "{ $value }" is not one of the words that "{ $field }" takes.
hint-bad-choice = They are: { $allowed }
error-bad-id = "{ $value }" is not the id of an item.
error-bad-type = "{ $field }" cannot hold that.
error-not-a-list = "{ $field }" is not a list.
hint-not-a-list = To set it: FIELD=VALUE
error-too-long = That is too long for "{ $field }".
error-no-home = There is no Musette here yet.
hint-no-home = To make one: musette up. To join another device of yours: musette device join TICKET
error-vault-missing = There are parts of a Musette here, but its vault is missing.
hint-vault-missing = Nothing was touched. Put the file "vault" back from where it went, or choose another folder with --home.
error-journal-missing = The journal of this Musette is missing, or has lost its beginning.
hint-journal-missing = Nothing was touched. Put the folder "journal" back from a copy; else invite this computer again, into a new folder, from another device of yours.
error-output-full = The answer could not be written: there is no room where it was to go.
hint-output-full = What was asked for was done all the same.
error-home-exists = There is a Musette here already.
hint-home-exists = To use it: musette status. For another one: --home DIR
error-home-not-empty = There is a Musette here already, and it could not join another one without mixing them.
hint-home-not-empty = Join into an empty home: musette --home DIR device join TICKET
error-wrong-passphrase = This passphrase does not open the Musette.
hint-wrong-passphrase = Check capitals and keyboard layout, and try again. Nothing was changed.
error-passphrase-needed = This Musette is locked with a passphrase.
hint-passphrase-needed = Give it with --passphrase-file FILE (or - for standard input), or run this in a terminal.
error-already-key-file = A key file opens this Musette already.
hint-already-key-file = Nothing was changed.
error-already-keyring = This system's keyring opens this Musette already.
hint-already-keyring = Nothing was changed.
error-keyring-unknown = What opens this Musette is in the system's keyring, which this build of Musette does not know.
hint-keyring-unknown = Nothing is lost. Use the build that you used before, or one made with: cargo build --release --features os-keyring
error-keyring-not-built = This build of Musette does not know the system's keyring.
hint-keyring-not-built = Choose a passphrase, or --no-passphrase; or use a build made with: cargo build --release --features os-keyring
error-keyring-absent = No keyring answers on this system.
hint-keyring-absent = Is a keyring running in this session (GNOME Keyring, KWallet, KeePassXC)? Over SSH or without a desktop there is often none. Nothing was changed. Reason: { $reason }
error-keyring-locked = The system's keyring is locked, or refused.
hint-keyring-locked = Unlock it, or say yes when it asks, and try again. Nothing was changed. Reason: { $reason }
error-keyring-silent = The system's keyring did not answer within { $seconds } seconds.
hint-keyring-silent = Perhaps it asks for its password in a window elsewhere. Unlock it and try again. Nothing was changed.
error-keyring-failed = The system's keyring could not do it.
hint-keyring-failed = Try again once it works for other programs too. Nothing was changed. Reason: { $reason }
error-keyring-entry-gone = The key of this Musette is not in this system's keyring.
hint-keyring-entry-gone = Unlock your keyring first, if it is locked: some then say that nothing is there. A folder copied from another computer or user left its key there: musette passphrase there, then copy it again. If a node of it still runs here: musette passphrase, now. Else make a new device in another folder (--home DIR), from another device of yours (musette device join, musette recover) or from a backup (musette restore). Nothing was changed.
error-keyring-entry-wrong = What the system's keyring holds for this Musette is not its key.
hint-keyring-entry-wrong = Nothing was changed. Put the keyring back from a copy, if you have one. If a node of it still runs here: musette passphrase, now. Else make a new device in another folder (--home DIR), from another device of yours (musette device join, musette recover) or from a backup (musette restore).
error-keyring-entry-left = The lock was changed, but the old key could not be removed from the system's keyring.
hint-keyring-entry-left = It opens nothing but copies of the folder from before. To remove it: look for "musette" in the keyring ({ $reason }).
error-passphrase-empty = The passphrase is empty.
hint-passphrase-empty = It is the first line of its file. For none at all: --no-passphrase
error-home-not-a-folder = { $file } is a file, not a folder.
hint-home-not-a-folder = Choose another place with --home DIR. Nothing was changed.
error-node-running = A node is running on this Musette already.
hint-node-running = To see how it is: musette status. To start it anew: Ctrl-C where it runs, then musette up.
error-home-in-use = Another program is using this Musette.
hint-home-in-use = If it is a node that is starting or stopping, try again in a moment. Some commands need it to be ended first.
error-home-newer = This Musette was written by a newer version of the program.
hint-home-newer = Please update musette. Nothing was changed.
error-upgrade-no-room = This Musette was written by an earlier version, and there is no room to keep it as it is before it is changed.
hint-upgrade-no-room = Make some room and try again. Nothing was changed: the earlier version still opens it.
error-home-damaged = The home folder is damaged.
hint-home-damaged = Keep a copy of the folder before trying anything, then: musette doctor
error-vault-damaged = The vault, which holds the keys of this device, is damaged.
hint-vault-damaged = Keep a copy of the folder. Your other devices have your items: pair this one again into a new home.
error-journal-damaged = The journal is damaged in the middle; what comes before and after was left untouched.
hint-journal-damaged = Keep a copy of the folder, then: musette doctor --rebuild. It keeps all that can be read; your other devices may have the rest.
error-disk-full = The disk is full.
hint-disk-full = Make some room and try again. What was saved before is there; this was not saved.
error-import-cut-short = { $landed ->
    [one] Only one row was saved, then the disk refused.
   *[other] Only { $landed } rows were saved, then the disk refused.
}
hint-import-cut-short = Make some room and import the same file again: what is there is not brought twice.
error-home-moved = The folder of this Musette was moved or removed while it was open. Musette stopped, and wrote nothing to what is there now.
hint-home-moved = Before you move it: end musette up.
error-disk-failed = The disk did not accept a write. Musette stopped, so as not to pretend.
hint-disk-failed = Check the disk. What was saved before is there; the last change may not be.
error-needs-running-node = No node is running on this home.
hint-needs-running-node = In another terminal: musette up
error-ticket-malformed = This is not a whole ticket.
hint-ticket-malformed = Copy the whole line that musette device invite printed; it begins with musette1.
error-ticket-is-a-relays = This is a relay’s ticket: nobody can be joined with it.
hint-ticket-is-a-relays = To join: the line that musette device invite prints on your other device; it begins with musette1. A relay’s ticket is for musette relay add, there; this device then learns of it by itself.
error-ticket-expired = This ticket has expired.
hint-ticket-expired = For a new one, on your other device: musette device invite
error-ticket-used = This ticket was used already.
hint-ticket-used = If it was not you, see musette device list on your other device. For a new one: musette device invite
error-ticket-newer = This ticket comes from a newer version of the program.
hint-ticket-newer = Please update musette on this device.
error-attachment-incomplete = This attachment has not fully arrived on this device yet.
hint-attachment-incomplete = A small one comes by itself while musette up runs; a large one, or where bytes cost money, when you ask for it: musette fetch
error-config-damaged = The home’s configuration cannot be read (line { $line }, column { $column }).
hint-config-damaged = Correct that line, or move musette.json away: it is written anew.
error-connection-lost = The connection to the other device was lost.
hint-connection-lost = Nothing is lost; it goes on from where it was. Please try again.
error-endpoint-stopped = The network part of the node has stopped.
hint-endpoint-stopped = To start it again: musette up
error-frame-too-large = The other device sent more than is accepted at once.
error-device-revoked = This device was taken out: what it writes counts nowhere.
hint-device-revoked = You can read what is here. To use this device again, move its folder away and join anew: musette device invite on another device, musette device join here. If a thief took out all of your devices: musette device revoke DEVICE --words, with the name of the one that was stolen.
error-device-words-replaced = This device was let in with recovery words that were replaced: what it writes counts nowhere.
hint-device-words-replaced = You can read what is here. To use this device again, move its folder away and let it in with the new words: musette recover, or musette restore DIR
error-no-safe-epoch = A device was just taken out, and this one waits for the new key that goes with it.
hint-no-safe-epoch = It comes with the next sync with one of your other devices: musette sync now. Where they do not sync, musette status says why
error-revoke-self = A device cannot take itself out.
hint-revoke-self = Do it on another one of your devices.
error-revoke-not-confirmed = The name was not the same, so nothing was done.
hint-revoke-not-confirmed = musette device list shows the names.
error-not-admin-device = This device may let no other in.
hint-not-admin-device = Pair this copy anew, into a new folder: musette device join
error-not-admin = This device may not take others out.
hint-not-admin = Do it on another one of your devices, or with your recovery words: --words
error-not-revoked-by = As far as this device knows, "{ $by }" did not take out "{ $name }".
hint-not-revoked-by = musette device list shows who took out whom.
error-device-not-found = There is no device "{ $name }".
hint-device-not-found = musette device list shows the names and ids. Of an id, at least the first { $letters } letters.
error-name-taken = One of your devices is called "{ $name }" already.
hint-name-taken = Choose another name.
error-device-ambiguous = Several devices are called "{ $name }".
hint-device-ambiguous = Give the beginning of its id instead: musette device list
error-device-log-full = The list of devices is full.
hint-device-log-full = With your recovery words there is still room: --words
error-words-of-another-person = These are 24 right words, but not yours.
hint-words-of-another-person = Look for the paper that belongs to this Musette.
error-words-replaced = These were your recovery words; others have taken their place.
hint-words-replaced = Look for the paper with the later ones. If it was not you who replaced them, somebody else had these: musette device list, on one of your devices, shows who is in.
error-words-frozen = No recovery words let anybody in: the same ones were replaced twice, and nobody can tell which replacement is yours.
hint-words-frozen = Your devices go on, and musette device invite lets in others. But no backup can be made that words would open: have two devices at least.
error-replace-not-admin = This device may not replace the recovery words.
hint-replace-not-admin = Do it on another one of your devices.
error-bad-relay-address = { $address } is neither the address of a relay nor a relay ticket.
hint-bad-relay-address = Whoever runs the relay gives it to you: an address ends in /p2p/ and the relay’s name, a ticket begins with musetterelay1.
error-relay-ticket-malformed = This is not a whole relay ticket.
hint-relay-ticket-malformed = Copy the whole line that you were given; it begins with musetterelay1.
error-relay-ticket-is-a-devices = This is a ticket for joining one of your devices, and no relay’s.
hint-relay-ticket-is-a-devices = To use it, on the new device: musette device join TICKET. A relay’s ticket begins with musetterelay1; whoever runs the relay makes it.
error-relay-ticket-newer = The relay ticket comes from a newer version.
hint-relay-ticket-newer = Update Musette on this device.
error-relay-ticket-forged = The relay did not make this ticket.
hint-relay-ticket-forged = Ask whoever runs the relay for another.
error-relay-ticket-other-relay = The ticket is for another relay than the one at its address.
hint-relay-ticket-other-relay = Perhaps the relay was set up anew: ask whoever runs it for another ticket.
error-relay-ticket-expired = The relay ticket has expired.
hint-relay-ticket-expired = Ask whoever runs the relay for another, and add it in its place.
error-relay-ticket-used-up = The relay ticket is used up.
hint-relay-ticket-used-up = Ask whoever runs the relay for another, and add it in its place.
error-relay-crowded = Too many use this relay, or this ticket, at once.
hint-relay-crowded = Musette tries again by itself.
error-too-many-relays = There are { $max } relays already: no more can be used.
hint-too-many-relays = musette relay remove makes room.
error-relay-ambiguous = Several relays are named { $relay }.
hint-relay-ambiguous = Give more of the end of its name.
error-relay-has-ticket = This relay is there already, with a ticket; its address alone would take that away.
hint-relay-has-ticket = Nothing was changed. To use it without the ticket: musette relay remove, then musette relay add
error-relay-not-found = No relay is named { $relay }.
hint-relay-not-found = musette relay list shows them all.
error-relay-refused = The relay gives this device no place.
hint-relay-refused = Whoever runs it can tell why: perhaps it is full, or asks for a ticket.
error-not-in-quarantine = Nothing in quarantine begins with { $id }.
hint-not-in-quarantine = musette quarantine list shows what is there.
error-in-trash = This item is in the trash.
hint-in-trash = To take it out: musette restore-item { $id }. To be rid of it for good: musette forget { $id }
error-not-in-trash = This item is not in the trash.
hint-not-in-trash = To see it: musette show { $id }
error-forgotten = This item was forgotten.
hint-forgotten = Whether all your devices have erased it: musette status
error-trash-empty = The trash is empty.
hint-trash-empty = musette list shows what there is.
error-quarantine-empty = There is nothing in quarantine.
hint-quarantine-empty = musette status tells when there is.
error-so-many = These are { $count } items.
hint-so-many = If you mean all of them: --many { $count }
error-not-so-many = These are { $count } items, not { $said }.
hint-not-so-many = Nothing was done. musette list shows them.
error-forget-not-confirmed = The word was another one, so nothing was done.
hint-forget-not-confirmed = The trash keeps things too: musette remove ID
error-restored-waits = This device was restored from a backup. It shows nothing before it met another of your devices, so that nothing comes back that you deleted.
hint-restored-waits = Let them meet: musette up, here and there. If a thief had taken the others out: musette device revoke DEVICE --words, on one of those, with the name of the thief’s. If there is no other device any more: musette restore --alone
error-not-restored = This device does not wait for another one.
hint-not-restored = There is nothing to do.
error-no-backup = There is no backup in { $path }
hint-no-backup = Name the folder that musette backup wrote.
error-backup-damaged = The backup in { $path } is damaged.
hint-backup-damaged = Write a new one into an empty folder. What can still be read of this one: musette restore
error-backup-unreadable = Nothing can be read of the backup in { $path }
hint-backup-unreadable = Try another copy of it, if there is one. If one of your devices still runs: musette recover
error-not-a-folder = This is a file, not a folder: { $path }
hint-not-a-folder = Name a folder; one that is not there yet is made.
error-backup-newer = This backup was written by a newer version of the program.
hint-backup-newer = Please update musette. Nothing was changed.
error-backup-foreign = The backup in { $path } belongs to another Musette.
hint-backup-foreign = Name another folder. Nothing was changed.
error-backup-not-empty = { $path } holds other things.
hint-backup-not-empty = Name an empty folder, or one that is not there yet. Nothing was changed.
error-backup-in-home = { $path } lies in the Musette itself, and would be lost with it.
hint-backup-in-home = Name a folder on another disk.
error-backup-no-folder = No folder can be made at { $path }
hint-backup-no-folder = Name one on a disk that is there. Nothing was changed.
error-backup-in-use = Another backup into { $path } is being written.
hint-backup-in-use = Try again when it is done.
error-phrase-word-count = A recovery phrase has 24 words, and these are { $found }.
hint-phrase-word-count = Type all of them, in their order, with spaces between.
error-phrase-unknown-word = Word { $position } is none of the words that there are.
hint-phrase-unknown-word = Compare it with the paper. All words are of one language, French or English.
error-phrase-checksum = These words do not belong together: one is wrong, or two changed places.
hint-phrase-checksum = Compare them with the paper, one by one.
error-words-of-another = These are 24 right words, but not those of this backup.
hint-words-of-another = Look for the paper that belongs to it. One that was made before you replaced your words opens with the earlier ones.
error-healing = This device lacks something after damage, and fetches it from another of your devices; it cannot write until then.
hint-healing = Let it meet another of your devices: musette up. If there is none any more: musette restore --alone
error-home-unknown = Where to keep your Musette could not be told.
hint-home-unknown = Say it: --home DIR
error-node-gone = The node went away before it answered.
hint-node-gone = To start it again: musette up. What it had confirmed is saved.
error-bad-name = This name is empty, too long, or has characters that no name has.
error-network-unavailable = No network can be used here.
error-no-fields = There is nothing in this item yet.
hint-no-fields = Give at least one field: FIELD=VALUE
error-not-synced-yet = This device has not finished its first sync.
hint-not-synced-yet = Let it meet another of your devices: musette up
error-socket-dir-unsafe = The folder for the node’s socket could be used by somebody else.
hint-socket-dir-unsafe = Check XDG_RUNTIME_DIR: it must belong to you and be open to nobody else.
error-socket-path-too-long = The path of the home is too long for a socket.
hint-socket-path-too-long = Choose a shorter one with --home, or set XDG_RUNTIME_DIR.
error-stopping = The node is stopping.
hint-stopping = Please try again in a moment.
error-stream-refused = The other device did not accept to talk.
hint-stream-refused = Is a Musette listening there, and is it as new as this one?
error-too-large = This is too large to be kept in one piece.
error-other-peer-there = Somebody else answers at that address.
hint-other-peer-there = It may belong to another device or relay by now: check the address.
error-unreachable = Your other device could not be reached.
hint-unreachable = Is musette up running there, and are both on the same network?
error-bad-address = "{ $address }" is not an address.
hint-bad-address = musette up prints it on the other device, such as /ip4/192.168.1.7/udp/4001/quic-v1; or: 192.168.1.7:4001
error-recover-nobody = None of your devices was found on the local network.
hint-recover-nobody = Is musette up running there? If you know its address: musette recover --at ADDRESS. From a backup: musette restore DIR
error-recover-other-person = The Musette there is not the one of these words.
hint-recover-other-person = If it is yours, look for the paper that belongs to it; if you replaced your words, it may not have heard of the new ones yet. If not, name another address: musette recover --at ADDRESS
error-recover-busy = Too many ask that device at once.
hint-recover-busy = Please try again in a moment.
error-recover-device-revoked = The device that answers was taken out: it may not have what you wrote since.
hint-recover-device-revoked = Ask another one: musette recover --at ADDRESS. From a backup: musette restore DIR
error-recover-refused = The other device could not let this one in.
hint-recover-refused = What is wrong with it, it says itself: musette status, there. Else ask another one: musette recover --at ADDRESS
error-recover-broken = The other device said something that makes no sense.
hint-recover-broken = Please update musette on both, and try again. From a backup: musette restore DIR
error-recover-tampered = Whoever answers knows of you, and is none of your devices. Nothing was given away.
hint-recover-tampered = Try again on a network you trust, or at another address: musette recover --at ADDRESS
error-pairing-refused = The other device refused.
hint-pairing-refused = For a new ticket, there: musette device invite
error-no-address = This device has no address that another one could reach.
hint-no-address = Connect it to a network, then start the node again: musette up
error-pairing-broken = The pairing was interrupted.
hint-pairing-broken = For a new ticket, on your other device: musette device invite
error-pairing-tampered = Somebody in between tried to change the pairing. Nothing was given away.
hint-pairing-tampered = Pair again on a network you trust.
error-ticket-unknown = The other device does not know this ticket.
hint-ticket-unknown = Its node may have been restarted since. For a new one, there: musette device invite
error-session-closed = The connection was closed on this side.
error-peer-paused = Syncing is paused there.
error-peer-budget-used = Its bytes for today are used up.
error-sync-paused = Syncing is paused on this device.
hint-sync-paused = To go on: musette sync resume
error-sync-budget-used = The bytes for today are used up.
hint-sync-budget-used = It goes on tomorrow by itself. For more today: musette sync budget SIZE, or none
error-budget-too-small = That is too little to keep devices in step.
hint-budget-too-small = Give at least { SIZE($min) } a day. To stop altogether: musette sync pause
error-not-synced = Not in step yet: { $waiting }.
hint-not-synced = { $why ->
    [refused] The two do not talk again by themselves. To see more: musette sync
    [never-met] They meet once musette up runs on both and they can reach each other: most easily on one network, without --no-discovery.
   *[other] It goes on by itself while musette up runs on both devices. To see more: musette sync
}
error-no-node-in-time = No node runs on this home, so nothing moves.
hint-no-node-in-time = To start it: musette up
error-session-duplicate = The two devices are connected already.
error-session-refused = The other device refused to talk to this one.
error-session-malformed = The other device sent something that makes no sense.
error-session-unrecognised = Whoever answered is not one of your devices.
error-session-bad-proof = Whoever answered could not prove to be your device.
error-session-fork = One device has written two different histories, perhaps because a copy of its folder was started. Nothing is lost: musette status, here or there, says what to do (musette device split NAME)
error-quarantine-given-up = { $count ->
    [one] Something of one item
   *[other] Something of { $count } items
} is in quarantine, and would be lost with what is given up.
hint-quarantine-given-up = Look through them: musette quarantine list. What is yours: musette quarantine accept ID. Then again, with --without-quarantine for the rest
error-words-mismatch = These are not the words that the new device shows.
hint-words-mismatch = Type them as the new device shows them; after three wrong tries it is sent away. If the words do differ, somebody may be in between: invite again on a network you trust.
error-no-pairing = No device is waiting to be confirmed.
hint-no-pairing = First: musette device invite
error-invitation-open = An invitation is open already.
hint-invitation-open = Use its ticket, or wait until it expires.
error-deadline = It took too long.
hint-deadline = Nothing is lost. Please try again.
error-unknown-format = What { $file } is could not be told.
hint-unknown-format = Name it: --as linkedin or --as vcard
error-import-nothing = Nothing in there could be imported.
error-file-unreadable = This file cannot be read: { $file }
hint-file-unreadable = Check its name and that you may read it.
error-not-a-file = This is not a file: { $file }
hint-not-a-file = Name one file; of a folder, one after the other.
error-file-too-large = { $file } is larger than { SIZE($limit) }.
error-file-exists = This file is there already: { $file }
hint-file-exists = Choose another name; nothing was overwritten.
error-file-unwritable = This file cannot be written: { $file }
error-words-unwritten = Your Musette is made, but the recovery words could not be written to { $file }
hint-words-unwritten = To see them: musette recovery show
error-not-a-conflict = There is nothing to choose in "{ $field }".
hint-not-a-conflict = To change it: musette edit ID FIELD=VALUE
error-recovery-not-held = This device no longer keeps the recovery words.
hint-recovery-not-held = They are where you wrote them down.
error-recovery-mismatch = Some of these words are not right.
hint-recovery-mismatch = Compare with the paper, and if needed copy them again: musette recovery show
error-bad-listen-address = "{ $address }" is not an address to listen on.
hint-bad-listen-address = For instance: /ip4/0.0.0.0/udp/0/quic-v1
error-port-in-use = Another program uses the port of { $address }.
hint-port-in-use = Choose another with --listen; 0 takes any free port.
error-attachment-not-found = This item has no attachment "{ $name }".
hint-attachment-not-found = To see them: musette show ID
error-read-only = Nothing can be written in this place.
hint-read-only = Musette needs a folder that it may write to, also to look at what is there. Nothing was changed.
error-permission-denied = This is not allowed here.
hint-permission-denied = Check who owns the home folder.
error-bad-request = The request makes no sense to this node.
hint-bad-request = If a node of another version is running, restart it: musette up
error-attachment-elsewhere = “{ $name }” is on none of the devices that are connected.
hint-attachment-elsewhere = It comes by itself once a device that has it is there.
error-protocol-older = The other device speaks an older version.
hint-protocol-older = Please update musette on the other device.
error-protocol-newer = The other device speaks a newer version.
hint-protocol-newer = Please update musette on this device.
error-input-ended = The answer was not given.
hint-input-ended = Nothing was changed.
error-demo-node = The node "{ $device }" of the demo stopped. Its last words: { $words }
error-source-unreadable = The file could not be read to its end.
error-source-empty = The file is empty.
error-source-too-large = The file is larger than { SIZE($limit) }.
error-archive-damaged = This archive is damaged or incomplete.
hint-archive-damaged = Please download it again.
error-archive-too-many-files = This archive has more than { $limit } files.
error-archive-foreign = This archive is not a LinkedIn export.
error-not-linkedin = This file is not a table of a LinkedIn export.
error-not-vcard = There is no vCard in this file.

## Usage

usage-nothing-asked = Please say what to do.
usage-unknown-argument = { $argument } is not an option here.
usage-unknown-command = There is no command "{ $command }".
usage-revoke-yes = Nobody is there to ask: to take a device out from a script, add --yes.
usage-forget-yes = Nobody is there to ask: to forget something from a script, add --yes.
usage-missing = This is missing: { $argument }
usage-bad-value = "{ $value }" does not fit { $argument }.
usage-conflict = { $argument } and { $other } do not go together.
usage-not-utf8 = The line has characters that cannot be read.
usage-wrong = The line cannot be understood { $argument }
usage-size = Please write a size such as 500MB or 1.5GB, or none.
usage-time-limit = Please write a number of seconds, or a duration such as 30min.
usage-duration = Please write a duration such as 30min, 2h or 1d.
usage-pause-too-long = That is more than a year; without --for it lasts until you resume.
usage-field-value = Please write FIELD=VALUE.
usage-nothing-to-remove = A new item has nothing to take away: FIELD-=VALUE is for edit.
usage-passphrase-new = Give the new passphrase with --new FILE, or --no-passphrase or --keyring, or run this in a terminal.
usage-passphrase-or-not = --passphrase-file and --no-passphrase do not go together.
usage-passphrase-or-keyring = --passphrase-file and --keyring do not go together.
usage-recovery-lines = Expected: all 24 words on one line, or at least three lines of POSITION WORD.
usage-recover-nowhere = Without looking on the local network, an address is needed: --at ADDRESS
usage-extract-to = Please say where to write it: --to FILE

## Help

help-usage = Usage:
help-commands = Commands
help-command-value = COMMAND
help-arguments = Arguments
help-options = Options
value-dir = DIR
value-file = FILE
value-name = NAME
value-device = DEVICE
value-count = COUNT
value-addr = ADDRESS
value-ticket = TICKET
value-relay = RELAY
value-words = WORDS
value-kind = KIND
value-field-value = FIELD=VALUE
value-id = ID
value-batch = IMPORT
value-format = FORMAT
value-date = DATE
value-duration = DURATION
value-size = SIZE
value-seconds = SECONDS
help-musette = Your own data, sealed, on your own devices.
help-musette--home = Where your Musette is (or MUSETTE_HOME)
help-musette--json = Answer in JSON, errors included
help-musette--quiet = Say only what matters
help-musette--lang = Language (or MUSETTE_LANG)
help-musette--passphrase_file = The passphrase is the first line of this file; - for standard input
help-musette--verbose = Show logs, never content; more often for more
help-musette--help = Show this help
help-musette--version = Show the version
help-musette-up = Start your Musette, and make one first if there is none
help-musette-up--listen = Address to listen on, such as /ip4/0.0.0.0/udp/0/quic-v1
help-musette-up--no_discovery = Do not look for your devices on the local network
help-musette-up--name = Your name, if a Musette is to be made
help-musette-up--device = This device's name, if a Musette is to be made
help-musette-up--stop_with_input = Stop when standard input closes, for programs
help-musette-demo = See it work with an invented person, on two nodes
help-musette-demo--exit = End after the story
help-musette-init = Make a Musette
help-musette-init--name = Your name
help-musette-init--device = This device's name
help-musette-init--no_passphrase = Open it by a key file
help-musette-init--keyring = Open it by the system's keyring
help-musette-init--recovery_out = Write the 24 recovery words to this new file
help-musette-passphrase = Change what opens this device
help-musette-passphrase--new = A file whose first line is the new passphrase (- for standard input)
help-musette-passphrase--no_passphrase = Open it by a key file from now on
help-musette-passphrase--keyring = Open it by the system's keyring from now on
help-musette-backup = Write everything that this device holds into a folder elsewhere, sealed; the next time only what is new
help-musette-backup--dir = The backup's folder
help-musette-restore = Make a new device from a backup and your 24 words (from another device that runs: recover)
help-musette-restore--dir = The backup's folder
help-musette-restore--device = This device's name
help-musette-restore--no_passphrase = Open it by a key file
help-musette-restore--keyring = Open it by the system's keyring
help-musette-restore--alone = You have no other device any more: what you deleted since the backup may come back
help-musette-recover = Make a new device from your 24 words and another device that runs (from a backup: restore)
help-musette-recover--at = Where the other device listens, as musette up prints it there; if not given, the local network is searched
help-musette-recover--device = This device's name
help-musette-recover--no_passphrase = Open it by a key file
help-musette-recover--keyring = Open it by the system's keyring
help-musette-recover--listen = Address to listen on
help-musette-recover--no_discovery = Do not look for your devices on the local network
help-musette-recovery = Your 24 recovery words
help-musette-recovery-show = Show the words, to be written down
help-musette-recovery-check = Check that you wrote them down
help-musette-recovery-replace = Make new words in the place of these, if somebody may have seen them
help-musette-status = How your Musette is
help-musette-status--wait = Wait until every device has everything (synced), or until all that is known has arrived here (here)
help-musette-status--timeout = How long to wait at most, in seconds (60 if not given)
help-musette-sync = When and how much to sync
help-musette-sync-pause = Send and receive nothing
help-musette-sync-pause--span = For how long, such as 2h
help-musette-sync-resume = End a pause
help-musette-sync-metered = Whether bytes cost money here: attachments then come only when asked for
help-musette-sync-metered--switch = on or off
help-musette-sync-budget = How much a day may take
help-musette-sync-budget--amount = Bytes per UTC day, both ways, such as 500MB; or none
help-musette-sync-now = Look for every device now
help-musette-device = Your devices
help-musette-device-invite = Invite a new device
help-musette-device-invite--yes = Let it in without comparing words
help-musette-device-confirm = Let the new device in, if it shows these words
help-musette-device-confirm--words = The three words
help-musette-device-join = Make this computer one of your devices
help-musette-device-join--ticket = The ticket from the other device; - for standard input
help-musette-device-join--device = This device's name
help-musette-device-join--yes = Ask nothing
help-musette-device-join--no_passphrase = Open it by a key file
help-musette-device-join--keyring = Open it by the system's keyring
help-musette-device-join--listen = Address to listen on
help-musette-device-join--no_discovery = Do not look for your devices on the local network
help-musette-device-list = List your devices
help-musette-device-revoke = Take a device out that was lost, stolen or given away
help-musette-device-revoke--device = Its name, or the beginning of its id
help-musette-device-revoke--restore = A device that it took out and that stays in
help-musette-device-revoke--words = With the 24 recovery words, which are then asked for
help-musette-device-revoke--yes = Ask nothing
help-musette-device-split = Go on as a device of its own, with what is here: where a copy of a folder is in use elsewhere too, of this device or another
help-musette-device-split--name = What you call this device
help-musette-device-split--without_quarantine = Also if something in quarantine is lost with it
help-musette-remove = Put items into the trash
help-musette-remove--ids = The items' ids
help-musette-remove--many = How many they are, if they are more than 20
help-musette-restore-item = Take items out of the trash
help-musette-restore-item--ids = The items' ids
help-musette-forget = Forget items for good, on all your devices
help-musette-forget--ids = The items' ids
help-musette-forget--trash = All that is in the trash
help-musette-forget--many = How many they are, if they are more than 20
help-musette-forget--yes = Ask nothing
help-musette-list--trash = What is in the trash
help-musette-relay = Meeting points for devices that cannot reach each other directly
help-musette-relay-add = Use a relay
help-musette-relay-add--relay = Its addresses, or the ticket that whoever runs it gave you
help-musette-relay-list = List them
help-musette-relay-remove = Use one no more
help-musette-relay-remove--relay = Its name, or the end of it
help-musette-quarantine = What devices did after they were taken out
help-musette-quarantine-list = List it
help-musette-quarantine-accept = Let it count after all
help-musette-quarantine-accept--ids = The items' ids
help-musette-quarantine-accept--all = All of it
help-musette-import = Bring in files that services gave you
help-musette-import--files = LinkedIn archives, vCards
help-musette-import--format = What the files are: linkedin or vcard
help-musette-import--dry_run = Only show what would happen
help-musette-import-list = List imports
help-musette-import-undo = Take an import back
help-musette-import-undo--batch = The import's id
help-musette-add = Add something by hand
help-musette-add--kind = What it is; see musette kinds
help-musette-add--fields = Its fields; repeat a list's
help-musette-list = List what you have
help-musette-list--kind = Only this kind
help-musette-list--all = Archived and sealed ones too
help-musette-show = Show one item
help-musette-show--id = The beginning of its id
help-musette-edit = Change an item
help-musette-edit--id = The beginning of its id
help-musette-edit--fields = FIELD=VALUE sets, FIELD= clears, FIELD+=VALUE and FIELD-=VALUE are for lists
help-musette-history = Show an item's changes
help-musette-history--id = The beginning of its id
help-musette-resolve = Choose between values that your devices disagree on
help-musette-resolve--id = The beginning of its id
help-musette-resolve--choices = The field and the value to keep
help-musette-attach = Keep a file with an item
help-musette-attach--id = The beginning of its id
help-musette-attach--file = The file
help-musette-extract = Get an attached file back
help-musette-extract--id = The beginning of the item's id
help-musette-extract--name = The attachment's name, or the beginning of its id
help-musette-extract--to = A new file to write it to
help-musette-fetch = Bring an attached file here from another device
help-musette-fetch--id = The beginning of the item's id
help-musette-fetch--name = The attachment's name, or the beginning of its id
help-musette-kinds = What kinds of item there are, and their fields
help-musette-kinds--kind = The fields of this kind
help-musette-timeline = Your time-line
help-musette-timeline--from = From this date on
help-musette-timeline--to = Until this date
help-musette-timeline--kind = Only this kind
help-musette-doctor = Check that everything is in order
help-musette-doctor-net = Explain the network that this device is in
help-musette-doctor--compact = Give back the space of what was replaced
help-musette-doctor--rebuild = Rebuild the index from the journal
help-musette-events = Follow what changes, one JSON line each, for programs

panic = musette: this is a mistake of ours, at { $place }. Nothing that was said to be saved is lost. Please report it.
