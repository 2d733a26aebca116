# Ce que Musette dit en français. Le catalogue anglais a les mêmes clés et les mêmes variables ;
# un test les compare. Simple, aimable, court ; aucune phrase ne fait de reproche.
# Espaces insécables avant « : ; ! ? » et dans les guillemets.

## Asking

prompt = { $question }{" "}
prompt-with-default = { $question } [{ $default }]{" "}
ask-name = Votre nom, comme vous voulez le voir :
ask-device = Un nom pour cet appareil :
ask-passphrase = Votre phrase de passe :
ask-words = Vos 24 mots de secours, en français ou en anglais, sur une ligne ou sur plusieurs :
ask-new-passphrase = Une phrase de passe (ou Entrée pour aucune) :
ask-passphrase-again = La même, encore une fois :
ask-word = Mot numéro { $position } :
passphrases-differ = Les deux ne sont pas identiques. Essayez encore.
default-name = Moi
default-device = Mon appareil

## Making a Musette

vault-explained =
    Une phrase de passe verrouille votre Musette sur cet appareil : sans elle, personne ne peut
    lire une copie du disque, et personne ne peut vous la redonner. Sans phrase de passe, un
    fichier-clé l’ouvre : qui peut lire vos fichiers peut alors lire votre Musette.
vault-key-file = Pas de phrase de passe : un fichier-clé ouvre cette Musette. Qui peut lire vos fichiers peut la lire aussi.
vault-keyring = Le trousseau de ce système ouvre cette Musette : elle est aussi sûre que ce qui déverrouille le trousseau, et tout programme lancé en votre nom peut la lui demander tant qu’il est déverrouillé.
init-name-from-system = Nom repris de ce système : { $name }
init-device-from-system = Nom d’appareil repris de ce système : { $name }
init-created = Bienvenue, { $name }. Votre Musette est sur « { $device } », dans { $home }
init-words-written = Vos 24 mots de secours sont dans { $file }. Recopiez-les à la main, puis effacez le fichier.
init-words-next =
    Notez bientôt vos 24 mots de secours : sans eux, perdre tous vos appareils, c’est tout perdre.
    Pour les voir : musette recovery show
init-next = Pour démarrer : musette up

## Running

up-listening = À l’écoute sur { $address }
up-next = C’est prêt. Pour ajouter un appareil : musette device invite. Pour arrêter : Ctrl-C.
up-stopping = Arrêt…
up-items = { $count ->
    [one] { $count } élément nouveau ou modifié.
   *[other] { $count } éléments nouveaux ou modifiés.
}
up-device-here = « { $device } » est connecté.
up-device-out = « { $device } » a été retiré.
up-device-gone = « { $device } » n’est plus connecté.
up-pairing-waiting = En attente d’un nouvel appareil.
up-pairing-confirm = « { $device } » demande à entrer. S’il est à vous : musette device confirm "les trois mots qu’il affiche"
up-pairing-joined = « { $device } » fait maintenant partie de vos appareils.
up-pairing-failed = Le nouvel appareil n’est pas entré. { $reason }

## Recovery words

recovery-warning = Qui possède ces mots possède toute votre Musette. Recopiez-les sur papier, pour vous seulement ; ni photo, ni fichier.
recovery-then-check = Une fois sur papier : musette recovery check
backup-done = { $dir } contient tout ce que cet appareil contient ({ $size }) ; la sauvegarde a été relue et elle est conforme.
backup-attachments-missing = { $count ->
    [one] Une pièce jointe n’est pas en entier sur cet appareil, et donc pas dans la sauvegarde.
   *[other] { $count } pièces jointes ne sont pas en entier sur cet appareil, et donc pas dans la sauvegarde.
}
backup-words = Elle s’ouvre avec vos 24 mots de secours, et avec rien d’autre : gardez le papier ailleurs.
restore-waits =
    { $named ->
        [0] Tout
       *[other] Tout ce qui est à { $name }
    } a été lu. Comme une sauvegarde peut contenir ce que vous avez supprimé
    depuis, rien n’est montré avant que cet appareil en ait rencontré un autre des vôtres :
    musette up, ici et là-bas. S’il n’y en a plus : musette restore --alone
restore-done = { $named ->
    [0] Heureux de vous revoir.
   *[other] Heureux de vous revoir, { $name }.
} { $items ->
    [one] Un élément est là.
   *[other] { $items } éléments sont là.
}
restore-alone = { $items ->
    [one] Un élément est là. Vous l’aviez peut-être supprimé.
   *[other] { $items } éléments sont là ; certains sont peut-être de ceux que vous aviez supprimés.
}
restore-attachments-missing = { $count ->
    [one] Une pièce jointe n’est pas en entier dans la sauvegarde.
   *[other] { $count } pièces jointes ne sont pas en entier dans la sauvegarde.
}
restore-incomplete = Il manque une partie de la sauvegarde ; le reste est là.
restore-worn = La sauvegarde est abîmée par endroits. Rien n’est perdu, car cela s’y trouve en double ; mais faites-en une nouvelle, sur un autre support.
restore-damaged = { $size } de la sauvegarde n’ont pas pu être lus ; le reste est là.
recover-let-in = « { $device } » a fait entrer cet appareil.
recover-next = Vos autres appareils diront que celui-ci est entré avec vos mots. Si l’un d’eux est perdu : musette device revoke NOM. Pour rester en phase : musette up
passphrase-changed = Désormais la nouvelle phrase de passe ouvre cet appareil, et l’ancienne ne l’ouvre plus. Une copie du dossier faite avant s’ouvre encore avec l’ancienne.
passphrase-set = Désormais la phrase de passe ouvre cet appareil.
keyring-emptied = Sa clé n’est plus dans le trousseau du système : une copie du dossier faite avant ne s’ouvre plus.
recovery-checked = C’est juste. Cet appareil ne garde plus les mots ; gardez le papier en lieu sûr.
recovery-replaced = Vous avez de nouveaux mots de secours. Les anciens ne feront plus entrer personne, dès que vos autres appareils auront rencontré celui-ci.
recovery-replaced-next =
    Notez les nouveaux : musette recovery show, puis musette recovery check
    Les anciens ouvrent encore les sauvegardes d’avant. Faites-en une nouvelle, musette backup DOSSIER, et supprimez celles-là.

## Status

status-person = { $name }, sur « { $device } »
status-nobody = Sur « { $device } »
status-home = Dossier : { $home }
status-items = { $count ->
    [0] Encore rien dedans.
    [one] { $count } élément.
   *[other] { $count } éléments.
}
status-devices = Appareils :
status-attachments = { $count ->
    [one] { $count } pièce jointe n’est pas entière ici, il en manque { $size }.
   *[other] { $count } pièces jointes ne sont pas entières ici, il en manque { $size }.
}
status-attachments-only-here = { $count ->
    [one] { $count } pièce jointe ({ $size }) n’est que sur cet appareil. Pour l’avoir sur un autre, là-bas : musette fetch
   *[other] { $count } pièces jointes ({ $size }) ne sont que sur cet appareil. Pour les avoir sur un autre, là-bas : musette fetch
}
status-coming = {"  "}{ $name } : { $done } sur { $size }, de « { $device } »
status-coming-later = {"  "}{ $name } : { $done } sur { $size } ; { $waiting }
status-vault-passphrase = Verrouillée par une phrase de passe.
status-vault-key-file = Ouverte par un fichier-clé : qui peut lire vos fichiers peut lire votre Musette.
status-vault-keyring = Ouverte par le trousseau de ce système.
status-running = Le nœud fonctionne.
status-stopped = Le nœud ne fonctionne pas. Pour le démarrer : musette up
status-recovery-unchecked = Vos mots de secours n’ont pas encore été vérifiés : musette recovery show, puis musette recovery check
status-recovery-elsewhere = Cet appareil ne garde pas vos mots de secours. Ils sont là où vous les avez notés.
status-notice = À savoir : { $notice }
notice-index-rebuilt = l’index ne s’ouvrait plus. Il a été mis de côté et refait à partir du journal ; rien n’est perdu.
notice-no-index = l’index n’est pas utilisable. Tout marche, seul le démarrage est plus lent. Pour le refaire : musette doctor --rebuild
notice-torn-tail = la dernière écriture avait été coupée. Sa fin incomplète a été retirée ; tout ce qui était enregistré est là.
notice-upgraded = votre Musette a été écrite par une version précédente du programme, et celle-ci l’a reprise. Telle qu’elle était, elle est gardée sept jours, dans { $kept }. D’ici là, mettez vos autres appareils à jour : ensuite, ceux de la version précédente ne se synchronisent plus.
notice-protocol-older = un de vos appareils, ou celui d’un voisin, a une version précédente de musette, que celle-ci ne peut plus suivre : mettez-le à jour.
notice-protocol-newer = un de vos appareils, ou celui d’un voisin, a une version plus récente de musette : mettez celui-ci à jour.
notice-damage-skipped = une partie du journal est abîmée : ce qui se lit a été gardé, et le journal abîmé est dans { $aside }. Vos autres appareils ont peut-être ce qui manque.
notice-healing = il manque quelque chose à cet appareil après des dégâts ; il va le chercher sur un autre de vos appareils, et ne peut rien écrire d’ici là. S’il n’y en a plus : musette restore --alone
notice-restored-waits = cet appareil vient d’une sauvegarde, et ne montre rien avant d’avoir rencontré un autre de vos appareils. S’il n’y en a plus : musette restore --alone
notice-copied = une copie de ce dossier sert ailleurs, et les deux ont écrit en tant que même appareil. Rien n’est perdu. Sur la copie qui s’accorde avec le moins de vos autres appareils, pour y continuer comme un appareil à part : arrêtez musette up, puis musette device split NOM
notice-parted = cet appareil et « { $name } » ne se synchronisent pas : ils ont reçu des histoires différentes de { $count ->
    [one] « { $whose } »
   *[other] l’un de ceux-ci : { $whose }
}. Une copie de son dossier est en service, ou il a été volé (retirez-le alors d’abord). Rien n’est perdu. Sur celui des deux qui s’accorde avec le moins de vos autres appareils : arrêtez musette up, puis musette device split NOM, avec un nouveau nom
notice-device-revoked = cet appareil a été retiré : vos autres appareils n’acceptent plus rien de lui. Ce qui est ici reste lisible. Pour vous en resservir : déplacez ce dossier, puis musette device join. Si c’est un voleur qui l’a retiré, avec un de vos appareils : musette device revoke APPAREIL --words
notice-device-words-replaced = cet appareil est entré avec des mots de secours qui ont été remplacés : vos autres appareils n’acceptent rien de lui. Ce qui est ici reste lisible. Pour vous en resservir : déplacez ce dossier, puis musette recover, avec les nouveaux mots
notice-quarantine = { $count ->
    [one] un élément a été modifié
   *[other] { $count } éléments ont été modifiés
} par un appareil après son retrait. Cela ne compte pas, sauf si vous le dites : musette quarantine list
notice-backup-due = la dernière sauvegarde, s’il y en a une, date de plus d’une semaine : musette backup DOSSIER
notice-restored-shows = cet appareil, qui vient d’une sauvegarde, montre ce qu’il a.
notice-healed = ce qui se lisait après les dégâts est de nouveau en ordre.
notice-device-unverified = « { $name } » est entré sans comparaison des mots.
notice-device-recovered = « { $name } » est entré avec vos 24 mots de secours. Si ce n’était pas vous, quelqu’un les a : musette recovery replace, pour qu’ils ne fassent plus entrer personne, puis musette device revoke { $id }
notice-words-replaced = vos mots de secours ont été remplacés sur un autre appareil : le papier avec les anciens ne vaut plus rien. Si ce n’était pas vous, quelqu’un les avait : musette device list montre qui est là, et ce qui n’est pas à vous est à retirer.
notice-words-frozen = les mêmes mots de secours ont été remplacés deux fois, sur des appareils qui ne le savaient pas l’un de l’autre, ou par quelqu’un qui les avait vus. Rien ne dit lequel des deux remplacements est le vôtre : plus aucun mot ne fait entrer personne ni n’ouvre de nouvelle sauvegarde. Ayez au moins deux appareils : ils continuent, et musette device invite en fait entrer d’autres. Retirez ce qui n’est pas à vous : musette device list
notice-key-file-vault = un fichier-clé ouvre cette Musette : qui peut lire vos fichiers peut la lire.
notice-recovery-unchecked = vos mots de secours n’ont pas encore été vérifiés : musette recovery show, puis musette recovery check

sync-only-here = Seulement sur cet appareil.
sync-only-here-as-it-is = Tel qu’il est maintenant, seulement sur cet appareil.
sync-everywhere = Sur vos { $of } appareils.
sync-partly = Sur { $have } de vos { $of } appareils.
sync-waiting = Sur { $have } de vos { $of } appareils ; { $waiting }.
sync-earlier = { $count ->
    [one] Un autre appareil en a une version antérieure.
   *[other] { $count } autres en ont une version antérieure.
}
waiting-paused = la synchronisation est en pause ici (pour reprendre : musette sync resume)
waiting-budget-used = cet appareil a épuisé son volume du jour
waiting-budget-low = les pièces jointes attendent demain, l’essentiel du volume du jour est utilisé
waiting-nobody-there = aucun de vos autres appareils n’est connecté
waiting-elsewhere = aucun des appareils connectés n’a le reste
waiting-withheld = l’appareil qui a le reste ne donne pas de pièces jointes en ce moment, pour ménager son volume
waiting-healing = cet appareil va encore chercher ce que des dégâts ont emporté
waiting-never-met = « { $device } » n’a pas encore été rencontré
waiting-peer-paused = « { $device } » est en pause
waiting-peer-budget-used = « { $device } » a épuisé son volume du jour
waiting-refused = « { $device } » et cet appareil ne peuvent pas se parler (pourquoi : musette device list)
waiting-to-arrive = des changements de « { $device } » doivent encore arriver
an-attachment = une pièce jointe
attachment-called = « { $name } »
waiting-attachment = { $attachment } n’est pas encore ici en entier
waiting-attachment-there = une pièce jointe n’est pas encore entière sur « { $device } » (là où les données coûtent, elle n’y vient que sur demande : musette fetch)
waiting-under-way = des changements sont en route vers « { $device } »
waiting-out-of-reach = « { $device } » est hors de portée, vu pour la dernière fois : { $since }

device-with-id = { $device } [{ $id }]
device-line = { $name } : { $state }
device-this = cet appareil
device-agrees = a tout ce qui est ici
device-agrees-but = { $count ->
    [one] a tout ce qui est ici, sauf { $count } pièce jointe ({ $size })
   *[other] a tout ce qui est ici, sauf { $count } pièces jointes ({ $size })
}
device-behind = { $missing ->
    [0] n’a pas encore confirmé les derniers changements d’appareils ou de mots
    [one] { $missing } changement reste à envoyer
   *[other] { $missing } changements restent à envoyer
}
device-unreachable = hors de portée, vu pour la dernière fois : { $since }
device-not-connected = non connecté, vu pour la dernière fois : { $since }
device-never-met = pas encore rencontré
device-direct = { $device } (connecté directement)
device-relayed = { $device } (connecté par le relais { $relay })
device-absent = { $device }, vu pour la dernière fois : { $since }
device-why-no-relay = Il est peut-être éteint, ou sur un autre réseau : un relais le joindrait là-bas (musette relay add).
device-why-no-place-at-relays = Aucun de vos relais ne donne de place à cet appareil : musette relay list dit pourquoi.
device-why-no-relay-answers = Aucun de vos relais n’est joignable : le réseau de cet appareil peut en être la cause (musette doctor net).
device-why-not-at-relays = Il n’est ni à ses adresses ni à vos relais : il est peut-être éteint, ou sans réseau.
device-out-of-reach = Il est injoignable pour le moment.
device-unverified = { $device } (mots non comparés)
device-recovered = { $device } (entré avec vos mots de secours, { $since })
device-reason = { $device }. { $reason }
device-revoked = retiré par « { $by } »
device-revoked-by-words = retiré avec les mots de secours
device-revoked-with-old-words = écarté : entré avec des mots de secours qui ont été remplacés
revoke-what = « { $name } » ({ $id }) est retiré pour de bon : ce qu’il écrit désormais ne compte plus, et il ne peut plus rien lire de ce qui s’écrit désormais. Ce qu’il contient déjà, il le garde.
revoke-type-name = Pour confirmer, son nom encore une fois
revoke-done = « { $name } » est retiré.
split-done = Voici maintenant un appareil à part, « { $name } ». { $changes ->
    [0] Tout ce qui était ici est déjà sur vos autres appareils.
    [one] Une modification continue sous le nouveau nom.
   *[other] { $changes } modifications continuent sous le nouveau nom.
}
split-next = Redémarrez-le : musette up. Laissez-le rencontrer vos autres appareils avant de retirer celui dont il est la copie : ce qu’il ne leur aura pas donné d’ici là ne comptera pas.
split-next-parted = Redémarrez-le : musette up. Une fois que vos autres appareils l’auront rencontré, et si aucune autre copie ne continue en tant que « { $from } », retirez celui qu’il était : musette device revoke "{ $from }"
revoke-already = « { $name } » avait déjà été retiré ; rien n’a changé.
revoke-restored = De nouveau parmi vos appareils : { $devices }.
revoke-still-out = Toujours dehors à cause de « { $name } » : { $devices }. Pour en reprendre un : la même commande, avec --restore NOM
revoke-next = Vos autres appareils l’apprennent en rencontrant celui-ci. D’ici là, ils peuvent encore lui parler. S’il a été volé : changez les mots de passe qu’il connaît.

remove-done = { $count ->
    [one] Un élément est à la corbeille.
   *[other] { $count } éléments sont à la corbeille.
}
remove-next = Pour le reprendre : musette restore-item ID. Pour vous en défaire pour de bon : musette forget ID
restore-item-done = { $count ->
    [one] Un élément est sorti de la corbeille.
   *[other] { $count } éléments sont sortis de la corbeille.
}
forget-item = { "  " }{ $title }
forget-more = { $count ->
    [one] { "  " }et un autre
   *[other] { "  " }et { $count } autres
}
forget-what = Effacer pour de bon enlève l’élément de tous vos appareils, avec ses pièces jointes et son historique, et il ne peut pas revenir : ni d’ici, ni d’une sauvegarde. Qui a gardé une copie du dossier d’un appareil peut l’avoir encore.
forget-type = Pour confirmer, tapez le mot « effacer »
forget-word = effacer
forget-done = { $count ->
    [one] Un élément est effacé pour de bon.
   *[other] { $count } éléments sont effacés pour de bon.
}
forget-gone = { $of ->
    [one] Ce que vous avez effacé pour de bon a disparu.
   *[other] { $gone ->
        [0] Ce que vous avez effacé pour de bon n’a encore disparu d’aucun appareil sur { $of }.
        [one] Ce que vous avez effacé pour de bon a disparu d’un appareil sur { $of }.
       *[other] Ce que vous avez effacé pour de bon a disparu de { $gone } appareils sur { $of }.
    }
}
forget-waits-here = Cet appareil ne l’a pas encore effacé : il le fait dans la minute avec musette up, ou avec musette doctor --compact
forget-waits = « { $name } » n’a pas encore été rencontré.
forget-waits-connected = « { $name } » va l’effacer : il faut une minute ou deux quand les deux tournent.
forget-waits-since = « { $name } » ne l’a pas encore effacé ; vu pour la dernière fois le { $since }. Il faut une minute ou deux quand les deux tournent.

net-here = Sur son propre réseau, cet appareil se trouve à { $addresses }.
net-nowhere = Cet appareil n’est sur aucun réseau.
net-open = On peut l’appeler de partout : les autres s’y connectent directement.
net-keeps = Il est derrière un routeur qui ne laisse entrer que les réponses, et qui garde la porte choisie. Des connexions directes s’établissent avec la plupart des autres, avec l’aide d’un relais.
net-chooses-anew = Il est derrière un routeur qui choisit une autre porte pour chacun de ceux qu’il appelle. Des connexions directes ne s’établissent qu’avec ceux qu’on peut appeler de partout ; pour les autres, un relais transporte tout.
net-unknown = Personne n’a encore dit comment on le voit du dehors : un relais le dit, dès qu’il est connecté.
net-unsure = Comment son routeur choisit les portes, un seul relais ne peut pas le dire : un second le pourrait.
net-seen = Le relais { $relay } le voit à { $address }.
net-no-relay = Il n’y a pas de relais : les appareils d’autres réseaux ne le joignent que si on peut l’appeler. Pour en ajouter un : musette relay add RELAIS
net-no-place = Aucun relais n’est joignable, ou aucun ne lui donne de place : musette relay list
net-one-place = On peut le joindre par un relais. Un second aide quand celui-ci est en panne.
net-places = On peut le joindre par { $count } relais.
net-no-udp = Ce réseau semble ne pas laisser passer QUIC (UDP) : les connexions directes sont plus rares, et tout est un peu plus lent.

relay-added = Le relais { $relay } est ajouté, pour tous vos appareils. Pour voir s’il répond : musette relay list
relay-removed = Le relais { $relay } n’est plus utilisé.
relay-none = Il n’y a aucun relais. Pour en ajouter un : musette relay add RELAIS
relay-line = { $relay } : { $state }  { $address }
relay-reserved = cet appareil peut être joint par lui, depuis le { $since }
relay-unavailable = indisponible depuis le { $since }
relay-connecting = en cours de demande
relay-off = le nœud n’est pas en marche
relay-ticket = { $relay } (il restait { $left } au billet, qui expire le { $end })
relay-unreachable = Personne ne répond à son adresse.
relay-lost = La connexion avec lui a été perdue.
relay-other-there = À son adresse répond un autre relais, ou le même avec une nouvelle clé. Demandez à la personne qui le tient un nouveau billet ou son adresse actuelle, et ajoutez l’un ou l’autre.

quarantine-empty = Il n’y a rien en quarantaine.
quarantine-new = { $id }  { $title } (nouveau, par « { $by } »)
quarantine-changed = { $id }  { $title } (modifié par « { $by } »)
quarantine-accepted = { $count ->
    [one] Un élément compte désormais tel qu’il a été modifié.
   *[other] { $count } éléments comptent désormais tels qu’ils ont été modifiés.
}

## Syncing

flow-everything = Tout peut circuler.
flow-metered = Les pièces jointes ne viennent qu’à votre demande : ici, chaque octet se paie (musette sync metered off).
flow-budget-low = Les pièces jointes attendent demain : l’essentiel du volume du jour est utilisé.
flow-paused = La synchronisation est en pause. Pour reprendre : musette sync resume
flow-paused-until = La synchronisation est en pause jusqu’au { $until }. Pour reprendre avant : musette sync resume
flow-budget-used = Le volume du jour est épuisé. La synchronisation reprend le { $until }, ou avec davantage : musette sync budget TAILLE
traffic-today = Envoyé et reçu aujourd’hui : { $today }.
traffic-of-budget = Envoyé et reçu aujourd’hui : { $today } sur { $budget }.
size-bytes = { $number } o
size-kilo = { $number } ko
size-mega = { $number } Mo
size-giga = { $number } Go
size-tera = { $number } To
size-decimal = { $whole },{ $tenths }
sync-now-done = Chaque appareil est recherché.

## Pairing

invite-next = Sur le nouvel appareil : musette device join BILLET, avec la ligne ci-dessus. Elle sert une fois, jusqu’à { $expires }.
invite-then-confirm = Le nouvel appareil affichera trois mots. Ensuite, ici : musette device confirm "les trois mots"
invite-then-nothing = Il entrera sans comparaison des mots.
confirm-done = C’est confirmé. Vos appareils :
join-connecting = Recherche de votre autre appareil…
join-words =
    Ces trois mots sont à confirmer sur votre autre appareil :
    {"    "}{ $words }
    Tapez-y : musette device confirm "{ $words }"
join-waiting = En attente de l’autre appareil…
join-syncing = enregistrements reçus
join-done = { $items ->
    [0] C’est fait. Votre Musette est ici ; il n’y a encore rien dedans.
    [one] C’est fait. Votre Musette est ici, avec { $items } élément.
   *[other] C’est fait. Votre Musette est ici, avec { $items } éléments.
}
join-next = Pour rester à jour : musette up

## Items

untitled = (sans titre)
item-saved = Enregistré. Pour le voir : musette show { $id }
list-count = { $count ->
    [0] Encore rien ici.
    [one] { $count } élément.
   *[other] { $count } éléments.
}
field-attachments = Pièces jointes
field-undone = Import annulé
list-conflict = { $title } (à choisir)
value-none = (rien)
value-yes = oui
value-no = non
provenance-declared = Écrit par vous.
provenance-declared-on = Écrit par vous le { $on }.
provenance-imported = Importé de { $source }.
provenance-imported-from = Importé de { $source } le { $on } ({ $file }, ligne { $row }).
show-attachment =
    {"  "}Pièce jointe : { $name } ({ $size })
    {"    "}musette extract { $id } { $asked } --to { $quoted }
show-attachment-here = {"    "}Ici : { $done } sur { $size }. Pour le reste : musette fetch { $id } { $asked }
show-conflict = Vos appareils ne disent pas la même chose pour « { $field } » :
show-resolve = Pour choisir :
history-by = { $at }, sur « { $device } »
history-imported = Importé de { $source }
history-at = { $at }
history-unknown = À une date inconnue
history-set = {"  "}{ $field } : { $to }
history-changed = {"  "}{ $field } : { $from } → { $to }
extract-done = { $file } est écrit ({ $size }).
fetch-done = { $name } est arrivé ({ $size }).
fetch-waits = La suite viendra ; { $waiting }.
fetch-goes-on = La suite viendra d’elle-même dès que possible. Inutile d’attendre : elle viendra aussi si vous arrêtez cette commande (Ctrl-C).
progress-bytes = { $name } : { $done } sur { $size }
kinds-next = Pour les champs de l’une d’elles : musette kinds SORTE
shape-text = texte
shape-long-text = texte long
shape-number = nombre entier
shape-yes-no = oui ou non
shape-date = date : 2014, 2014-04 ou 2014-04-01
shape-list = liste : un CHAMP=VALEUR pour chacun
shape-link = lien
timeline-empty = Rien de daté ici pour le moment.

choice-diploma = diplôme
choice-course = formation
choice-certificate = certificat
choice-prize = prix
choice-attestation = attestation
choice-other = autre
choice-have = acquise
choice-wanted = souhaitée
choice-done-with = laissée de côté
choice-idea = idée
choice-active = en cours
choice-paused = en pause
choice-done = fait
choice-dropped = abandonné
choice-open = à faire
choice-doing = en cours
choice-peer = pair
choice-manager = responsable
choice-organisation = organisation
choice-client = client
choice-teacher = enseignant
choice-ordinary = ordinaire
choice-personal = personnelle
choice-confidential = confidentielle
choice-sealed = scellée
sphere-work = travail
sphere-training = formation
sphere-association = bénévolat
sphere-personal = personnel

## Dates

month = { $number ->
    [1] janvier
    [2] février
    [3] mars
    [4] avril
    [5] mai
    [6] juin
    [7] juillet
    [8] août
    [9] septembre
    [10] octobre
    [11] novembre
   *[12] décembre
}
date-day = { $day ->
    [1] 1er { $month }
   *[other] { $day } { $month }
}
date-day-year = { $day } { $year }
date-month-year = { $month } { $year }
date-and-time = { $date }, { $time }
date-range = { $from } – { $to }
date-days = { $from }–{ $to }
date-since = depuis { $from }
date-until = jusqu’à { $to }
date-unknown = à une date inconnue

## Imports

import-file = { $file } : { $counts }
import-total = En tout : { $counts }
import-added = { $count ->
    [one] { $count } nouveau
   *[other] { $count } nouveaux
}
import-changed = { $count ->
    [one] { $count } mis à jour
   *[other] { $count } mis à jour
}
import-unchanged = { $count } déjà là
import-kept = { $count ->
    [one] { $count } gardé comme vous l’avez modifié
   *[other] { $count } gardés comme vous les avez modifiés
}
import-skipped = { $count ->
    [one] { $count } laissé de côté
   *[other] { $count } laissés de côté
}
import-failed = { $count ->
    [one] { $count } illisible
   *[other] { $count } illisibles
}
import-none = rien
import-row = { $file }, ligne { $row } : { $outcome }. { $detail }
import-row-file = { $file } : { $outcome }. { $detail }
import-fields = { $title } ({ $fields })
import-rows-left-off = { $count ->
    [one] { $count } autre ligne n’est pas affichée.
   *[other] { $count } autres lignes ne sont pas affichées.
}
import-dry-run = C’était un essai : rien n’est enregistré. Sans --dry-run, ce le sera.
import-undo = Pour l’annuler : musette import undo { $batch }
import-list-empty = Rien n’a encore été importé.
import-batch = { $added ->
    [one] { $added } nouveau
   *[other] { $added } nouveaux
}, { $changed } mis à jour
import-undone = annulé
row-added = nouveau
row-changed = mis à jour
row-kept = gardé comme vous l’avez modifié
row-skipped = laissé de côté
row-notice = à noter
row-failed = illisible
undo-done = Annulé : { $removed ->
    [one] { $removed } retiré
   *[other] { $removed } retirés
}, { $reverted ->
    [one] { $reverted } remis comme avant
   *[other] { $reverted } remis comme avant
}.
undo-kept = { $count ->
    [one] { $count } reste, car vous l’avez modifié depuis :
   *[other] { $count } restent, car vous les avez modifiés depuis :
}

reason-cell-count = { $expected } cellules attendues, { $found } trouvées.
reason-record-too-long = Plus de { SIZE($limit) }.
reason-unclosed-quote = Un guillemet s’ouvre ici et ne se ferme pas.
reason-missing-field = « { $column } » est vide.
reason-bad-date = La date « { $text } » dans « { $column } » n’a pas pu être lue ; elle est dans la note de l’élément.
reason-not-visible = Non affichée par la personne qui l’a reçue (état { $status }).
reason-not-accepted = Non acceptée (état { $status }).
reason-photo-left-out = { $count ->
    [one] { $count } image ou son laissé de côté.
   *[other] { $count } images ou sons laissés de côté.
}
reason-agent-left-out = Une fiche contenue dans celle-ci a été laissée de côté.
reason-unterminated-card = Cette fiche commence et ne finit pas.
reason-empty-card = Cette fiche ne nomme personne.
reason-files-not-mapped = { $count ->
    [one] { $count } fichier de l’archive ne contient rien qui devienne un élément.
   *[other] { $count } fichiers de l’archive ne contiennent rien qui devienne un élément.
}
reason-header-not-found = Les colonnes de ce tableau ne sont pas celles attendues.
reason-entry-too-large = Plus de { SIZE($limit) } une fois décompressé.
reason-entry-damaged = Ce fichier de l’archive est abîmé.
reason-entry-unsupported = Ce fichier de l’archive est chiffré ou compressé d’une façon inconnue.
reason-too-many-rows = Seules les { $limit } premières lignes ont été lues.
reason-forgotten = Vous l’avez effacé pour de bon ; il ne revient pas.
reason-undone = Vous l’aviez annulé ; il ne revient pas.

## Doctor

doctor-ok = ✓ { $check }
doctor-wrong =
    ✗ { $check }
    {"  "}{ $hint }
doctor-hint = Gardez une copie du dossier avant d’essayer quoi que ce soit.
doctor-sound = Tout est en ordre.
doctor-unsound = Quelque chose demande votre attention ; voyez ci-dessus.
doctor-compacted = Avant : { $before }, maintenant : { $after }.
doctor-rebuilt = L’index a été refait à partir du journal.
check-journal-readable = Journal : { $bad ->
    [0] chacun de ses { $records } enregistrements est entier
    [one] { $bad } de ses { $records } enregistrements est illisible
   *[other] { $bad } de ses { $records } enregistrements sont illisibles
}
check-records-counted = { $orphans ->
    [0] Enregistrements : chacun relève d’un envoi signé
    [one] Enregistrements : { $orphans } ne relève encore d’aucun envoi signé
   *[other] Enregistrements : { $orphans } ne relèvent encore d’aucun envoi signé
}
check-views-current = { $bad ->
    [0] Éléments : chacun s’ouvre et s’affiche comme il est écrit
    [one] Éléments : { $bad } sur { $documents } ne s’ouvre pas, ou s’affiche autrement qu’écrit
   *[other] Éléments : { $bad } sur { $documents } ne s’ouvrent pas, ou s’affichent autrement qu’écrits
}
check-index-open = Index : s’ouvre
check-attachments-whole = { $bad ->
    [0] Pièces jointes : chacune est entière
    *[other] Pièces jointes : { $bad } sur { $attachments } sont incomplètes
}
check-hint-attachments-whole = Le reste vient d’un autre appareil qui l’a : musette up
check-hint-index-open = Pour le refaire : musette doctor --rebuild
check-hint-views-current = Pour les relire dans le journal : musette doctor --rebuild
check-hint-journal-readable = Copiez le dossier, puis faites revenir ce qui manque d’un autre appareil : musette up
check-hint-records-counted = Ils compteront quand l’appareil qui les a écrits aura été revu : musette up

## Demo

demo-laptop = ordinateur
demo-phone = téléphone
demo-what = les deux nœuds de la démonstration
demo-hello = Emilie est graphiste ; c’est une personne inventée. Voici sa Musette, sur deux vrais nœuds.
demo-begin = Emilie crée une Musette sur son { $device }…
demo-collected = … et y met { $count } choses.
demo-invite = Elle invite son { $device } ; le billet passe de l’un à l’autre, et rien d’autre.
demo-joined = Le { $device } est entré : il contient les mêmes { $count } éléments.
demo-live = Elle en note { $count } de plus sur le téléphone : les deux en ont { $total } aussitôt.
demo-offline = Les deux sont maintenant éteints. Elle continue à écrire sur chacun.
demo-two-fields = { $organisation } : une description d’un côté, des compétences de l’autre.
demo-same-field = { $organisation } : un intitulé de poste différent de chaque côté. Lequel est juste ?
demo-merged = Ils se retrouvent. Les deux champs se sont réunis ; les deux intitulés sont gardés :
demo-resolved = Elle choisit sur le téléphone : { $role }. L’ordinateur suit.
demo-timeline = Sa frise, lue sur le { $device } :
demo-digest = { $device } : { $digest }
demo-agree = Les deux contiennent les mêmes { $count } éléments, à l’octet près.
demo-differ = Les deux nœuds ne contiennent pas la même chose. La faute est de notre côté ; merci de nous le signaler.
demo-stays = Les deux nœuds continuent. Dans un autre terminal, essayez :
demo-ctrl-c = Pour finir la démonstration et tout jeter : Ctrl-C
demo-gone = La démonstration est finie ; ses deux dossiers ont été supprimés.

## Errors: what happened, then what to do

failed = musette : { $message }
error-unnamed = Quelque chose n’a pas marché ({ $code }).
error-usage = { $message }
hint-usage = Pour de l’aide : musette --help
error-internal = Quelque chose n’a pas marché dans Musette.
hint-internal = Vos données sont comme avant. Merci de nous le signaler, avec les lignes que montre -v.
error-not-found = Aucun identifiant ne commence par « { $id } ».
hint-not-found = Pour voir ce qu’il y a : musette list
error-ambiguous-id = Plusieurs identifiants commencent par « { $id } ».
hint-ambiguous-id = Tapez quelques caractères de plus.
error-id-too-short = Un identifiant doit compter au moins { $min } caractères.
hint-id-too-short = Pour voir les identifiants : musette list
error-unknown-kind = Aucune sorte d’élément ne s’appelle « { $kind } ».
hint-unknown-kind = Pour voir celles qui existent : musette kinds
error-unknown-field = Cette sorte d’élément n’a pas de champ « { $field } ».
hint-unknown-field = Ses champs : { $known }
error-bad-date = « { $value } » n’est pas une date.
hint-bad-date = Une date s’écrit 2014, 2014-04 ou 2014-04-01, avec une heure si vous voulez : 2014-04-01T10:00
error-bad-number = « { $value } » n’est pas un nombre entier.
error-bad-choice = « { $value } » n’est pas un mot que « { $field } » accepte.
hint-bad-choice = Les voici : { $allowed }
error-bad-id = « { $value } » n’est pas l’identifiant d’un élément.
error-bad-type = « { $field } » ne peut pas contenir cela.
error-not-a-list = « { $field } » n’est pas une liste.
hint-not-a-list = Pour le remplir : CHAMP=VALEUR
error-too-long = C’est trop long pour « { $field } ».
error-no-home = Il n’y a pas encore de Musette ici.
hint-no-home = Pour en créer une : musette up. Pour rejoindre un autre de vos appareils : musette device join BILLET
error-vault-missing = Il y a ici des morceaux d’une Musette, mais son coffre manque.
hint-vault-missing = Rien n’a été touché. Remettez le fichier « vault » à sa place, ou choisissez un autre dossier avec --home.
error-journal-missing = Le journal de cette Musette manque, ou a perdu son début.
hint-journal-missing = Rien n’a été touché. Remettez le dossier « journal » depuis une copie ; sinon, invitez de nouveau cet ordinateur, dans un nouveau dossier, depuis un autre de vos appareils.
error-output-full = La réponse n’a pas pu être écrite : il n’y a plus de place là où elle devait aller.
hint-output-full = Ce qui était demandé a été fait malgré tout.
error-home-exists = Il y a déjà une Musette ici.
hint-home-exists = Pour l’utiliser : musette status. Pour une autre : --home DOSSIER
error-home-not-empty = Il y a déjà une Musette ici ; elle ne pourrait en rejoindre une autre sans les mélanger.
hint-home-not-empty = Rejoignez depuis un dossier vide : musette --home DOSSIER device join BILLET
error-wrong-passphrase = Cette phrase de passe n’ouvre pas la Musette.
hint-wrong-passphrase = Vérifiez les majuscules et le clavier, puis réessayez. Rien n’a changé.
error-passphrase-needed = Cette Musette est verrouillée par une phrase de passe.
hint-passphrase-needed = Donnez-la par --passphrase-file FICHIER (ou - pour l’entrée standard), ou lancez ceci dans un terminal.
error-already-key-file = Un fichier-clé ouvre déjà cette Musette.
hint-already-key-file = Rien n’a changé.
error-already-keyring = Le trousseau de ce système ouvre déjà cette Musette.
hint-already-keyring = Rien n’a changé.
error-keyring-unknown = Ce qui ouvre cette Musette est dans le trousseau du système, que cette version compilée de Musette ne connaît pas.
hint-keyring-unknown = Rien n’est perdu. Utilisez le programme d’avant, ou un autre compilé par : cargo build --release --features os-keyring
error-keyring-not-built = Cette version compilée de Musette ne connaît pas le trousseau du système.
hint-keyring-not-built = Choisissez une phrase de passe, ou --no-passphrase ; ou utilisez un programme compilé par : cargo build --release --features os-keyring
error-keyring-absent = Aucun trousseau ne répond sur ce système.
hint-keyring-absent = Un trousseau fonctionne-t-il dans cette session (GNOME Keyring, KWallet, KeePassXC) ? Par SSH ou sans bureau, il n’y en a souvent pas. Rien n’a changé. Raison : { $reason }
error-keyring-locked = Le trousseau du système est verrouillé, ou a refusé.
hint-keyring-locked = Déverrouillez-le, ou acceptez quand il le demande, puis réessayez. Rien n’a changé. Raison : { $reason }
error-keyring-silent = Le trousseau du système n’a pas répondu en { $seconds } secondes.
hint-keyring-silent = Peut-être demande-t-il son mot de passe dans une fenêtre, ailleurs. Déverrouillez-le et réessayez. Rien n’a changé.
error-keyring-failed = Le trousseau du système n’y est pas parvenu.
hint-keyring-failed = Réessayez quand il fonctionne aussi pour d’autres programmes. Rien n’a changé. Raison : { $reason }
error-keyring-entry-gone = La clé de cette Musette n’est pas dans le trousseau de ce système.
hint-keyring-entry-gone = Déverrouillez d’abord votre trousseau s’il est verrouillé : certains disent alors qu’il n’y a rien. Un dossier copié d’un autre ordinateur ou d’un autre utilisateur y a laissé sa clé : là-bas, musette passphrase, puis copiez-le de nouveau. Si un nœud tourne encore ici avec ce dossier : musette passphrase, maintenant. Sinon, faites un nouvel appareil dans un autre dossier (--home DOSSIER), depuis un autre de vos appareils (musette device join, musette recover) ou depuis une sauvegarde (musette restore). Rien n’a changé.
error-keyring-entry-wrong = Ce que le trousseau du système garde pour cette Musette n’est pas sa clé.
hint-keyring-entry-wrong = Rien n’a changé. Remettez le trousseau depuis une copie, si vous en avez une. Si un nœud tourne encore ici avec ce dossier : musette passphrase, maintenant. Sinon, faites un nouvel appareil dans un autre dossier (--home DOSSIER), depuis un autre de vos appareils (musette device join, musette recover) ou depuis une sauvegarde (musette restore).
error-keyring-entry-left = Le verrou a été changé, mais l’ancienne clé n’a pas pu être retirée du trousseau du système.
hint-keyring-entry-left = Elle n’ouvre que des copies du dossier faites avant. Pour la retirer : cherchez « musette » dans le trousseau ({ $reason }).
error-passphrase-empty = La phrase de passe est vide.
hint-passphrase-empty = C’est la première ligne de son fichier. Pour s’en passer : --no-passphrase
error-home-not-a-folder = { $file } est un fichier, pas un dossier.
hint-home-not-a-folder = Choisissez un autre endroit avec --home DOSSIER. Rien n’a changé.
error-node-running = Un nœud tourne déjà sur cette Musette.
hint-node-running = Pour voir où il en est : musette status. Pour le relancer : Ctrl-C là où il tourne, puis musette up.
error-home-in-use = Un autre programme utilise cette Musette.
hint-home-in-use = Si c’est un nœud qui démarre ou s’arrête, réessayez dans un instant. Certaines commandes demandent qu’il soit arrêté d’abord.
error-home-newer = Cette Musette a été écrite par une version plus récente du programme.
hint-home-newer = Mettez musette à jour. Rien n’a changé.
error-upgrade-no-room = Cette Musette vient d’une version précédente, et la place manque pour la garder telle quelle avant de la changer.
hint-upgrade-no-room = Faites de la place et réessayez. Rien n’a changé : la version précédente l’ouvre toujours.
error-home-damaged = Le dossier est abîmé.
hint-home-damaged = Gardez une copie du dossier avant d’essayer quoi que ce soit, puis : musette doctor
error-vault-damaged = Le coffre, qui contient les clés de cet appareil, est abîmé.
hint-vault-damaged = Gardez une copie du dossier. Vos autres appareils ont vos éléments : associez de nouveau celui-ci, dans un nouveau dossier.
error-journal-damaged = Le journal est abîmé au milieu ; ce qui précède et ce qui suit n’a pas été touché.
hint-journal-damaged = Gardez une copie du dossier, puis : musette doctor --rebuild. Tout ce qui se lit est gardé ; vos autres appareils ont peut-être le reste.
error-disk-full = Le disque est plein.
hint-disk-full = Faites de la place et réessayez. Ce qui était enregistré est là ; ceci ne l’est pas.
error-import-cut-short = { $landed ->
    [one] Une seule ligne a été enregistrée, puis le disque a refusé.
   *[other] Seules { $landed } lignes ont été enregistrées, puis le disque a refusé.
}
hint-import-cut-short = Faites de la place et importez de nouveau le même fichier : ce qui est là ne sera pas apporté deux fois.
error-home-moved = Le dossier de cette Musette a été déplacé ou supprimé pendant qu’elle était ouverte. Musette s’est arrêtée, sans rien écrire dans ce qui s’y trouve maintenant.
hint-home-moved = Avant de le déplacer : arrêtez musette up.
error-disk-failed = Le disque a refusé une écriture. Musette s’est arrêtée, pour ne pas faire semblant.
hint-disk-failed = Vérifiez le disque. Ce qui était enregistré est là ; le dernier changement peut-être pas.
error-needs-running-node = Aucun nœud ne fonctionne sur ce dossier.
hint-needs-running-node = Dans un autre terminal : musette up
error-ticket-malformed = Ce n’est pas un billet entier.
hint-ticket-malformed = Copiez toute la ligne donnée par musette device invite ; elle commence par musette1.
error-ticket-is-a-relays = C’est le billet d’un relais : il ne permet de rejoindre personne.
hint-ticket-is-a-relays = Pour rejoindre : la ligne donnée par musette device invite sur votre autre appareil ; elle commence par musette1. Le billet d’un relais sert à musette relay add, sur l’autre ; cet appareil l’apprendra ensuite de lui-même.
error-ticket-expired = Ce billet n’est plus valable.
hint-ticket-expired = Pour un nouveau, sur votre autre appareil : musette device invite
error-ticket-used = Ce billet a déjà servi.
hint-ticket-used = Si ce n’était pas vous, voyez musette device list sur votre autre appareil. Pour un nouveau : musette device invite
error-ticket-newer = Ce billet vient d’une version plus récente du programme.
hint-ticket-newer = Mettez musette à jour sur cet appareil.
error-attachment-incomplete = Cette pièce jointe n’est pas encore entièrement arrivée sur cet appareil.
hint-attachment-incomplete = Une petite arrive d’elle-même tant que musette up tourne ; une grande, ou là où les données coûtent, quand vous la demandez : musette fetch
error-config-damaged = La configuration du dossier ne peut pas être lue (ligne { $line }, colonne { $column }).
hint-config-damaged = Corrigez cette ligne, ou déplacez musette.json : il sera refait.
error-connection-lost = La connexion à l’autre appareil a été perdue.
hint-connection-lost = Rien n’est perdu ; cela reprendra où c’en était. Réessayez.
error-endpoint-stopped = La partie réseau du nœud s’est arrêtée.
hint-endpoint-stopped = Pour le redémarrer : musette up
error-frame-too-large = L’autre appareil a envoyé plus que ce qui est accepté d’un coup.
error-device-revoked = Cet appareil a été retiré : ce qu’il écrit ne compte nulle part.
hint-device-revoked = Ce qui est ici reste lisible. Pour vous en resservir, déplacez son dossier et faites-le entrer de nouveau : musette device invite sur un autre appareil, musette device join ici. Si un voleur a retiré tous vos appareils : musette device revoke APPAREIL --words, avec le nom de celui qui a été volé.
error-device-words-replaced = Cet appareil est entré avec des mots de secours qui ont été remplacés : ce qu’il écrit ne compte nulle part.
hint-device-words-replaced = Ce qui est ici reste lisible. Pour vous en resservir, déplacez son dossier et faites-le entrer avec les nouveaux mots : musette recover, ou musette restore DOSSIER
error-no-safe-epoch = Un appareil vient d’être retiré, et celui-ci attend la nouvelle clé qui va avec.
hint-no-safe-epoch = Elle arrive à la prochaine synchronisation avec un autre de vos appareils : musette sync now. S’ils ne se synchronisent pas, musette status dit pourquoi
error-revoke-self = Un appareil ne peut pas se retirer lui-même.
hint-revoke-self = Faites-le sur un autre de vos appareils.
error-revoke-not-confirmed = Le nom n’était pas le même, rien n’a donc été fait.
hint-revoke-not-confirmed = musette device list montre les noms.
error-not-admin-device = Cet appareil ne peut en faire entrer aucun autre.
hint-not-admin-device = Associez cette copie de nouveau, dans un nouveau dossier : musette device join
error-not-admin = Cet appareil n’a pas le droit d’en retirer d’autres.
hint-not-admin = Faites-le sur un autre de vos appareils, ou avec vos mots de secours : --words
error-not-revoked-by = À la connaissance de cet appareil, « { $by } » n’a pas retiré « { $name } ».
hint-not-revoked-by = musette device list montre qui a retiré qui.
error-device-not-found = Aucun appareil ne s’appelle « { $name } ».
hint-device-not-found = musette device list montre les noms et les identifiants. D’un identifiant, donnez au moins les { $letters } premières lettres.
error-name-taken = L’un de vos appareils s’appelle déjà « { $name } ».
hint-name-taken = Choisissez un autre nom.
error-device-ambiguous = Plusieurs appareils s’appellent « { $name } ».
hint-device-ambiguous = Donnez plutôt le début de son identifiant : musette device list
error-device-log-full = La liste des appareils est pleine.
hint-device-log-full = Avec vos mots de secours, il reste de la place : --words
error-words-of-another-person = Ces 24 mots sont valides, mais ce ne sont pas les vôtres.
hint-words-of-another-person = Cherchez le papier qui va avec cette Musette.
error-words-replaced = C’étaient vos mots de secours ; d’autres ont pris leur place.
hint-words-replaced = Cherchez le papier avec les derniers. Si ce n’est pas vous qui les avez remplacés, quelqu’un d’autre avait ceux-ci : musette device list, sur un de vos appareils, montre qui est là.
error-words-frozen = Plus aucun mot de secours ne fait entrer personne : les mêmes ont été remplacés deux fois, et rien ne dit lequel des deux remplacements est le vôtre.
hint-words-frozen = Vos appareils continuent, et musette device invite en fait entrer d’autres. Mais aucune sauvegarde que des mots ouvriraient ne peut être faite : ayez au moins deux appareils.
error-replace-not-admin = Cet appareil n’a pas le droit de remplacer les mots de secours.
hint-replace-not-admin = Faites-le sur un autre de vos appareils.
error-bad-relay-address = { $address } n’est ni l’adresse d’un relais, ni un billet de relais.
hint-bad-relay-address = La personne qui tient le relais vous donne son adresse ou un billet : une adresse finit par /p2p/ et le nom du relais, un billet commence par musetterelay1.
error-relay-ticket-malformed = Ce n’est pas un billet de relais entier.
hint-relay-ticket-malformed = Copiez toute la ligne qui vous a été donnée ; elle commence par musetterelay1.
error-relay-ticket-is-a-devices = C’est un billet pour rejoindre l’un de vos appareils, et non celui d’un relais.
hint-relay-ticket-is-a-devices = Pour vous en servir, sur le nouvel appareil : musette device join BILLET. Le billet d’un relais commence par musetterelay1 ; la personne qui tient le relais le donne.
error-relay-ticket-newer = Le billet de relais vient d’une version plus récente.
hint-relay-ticket-newer = Mettez à jour Musette sur cet appareil.
error-relay-ticket-forged = Ce billet n’a pas été fait par le relais.
hint-relay-ticket-forged = Demandez-en un autre à la personne qui tient le relais.
error-relay-ticket-other-relay = Le billet est pour un autre relais que celui qui est à son adresse.
hint-relay-ticket-other-relay = Peut-être le relais a-t-il été refait : demandez un autre billet à la personne qui le tient.
error-relay-ticket-expired = Le billet de relais n’est plus valable.
hint-relay-ticket-expired = Demandez-en un autre à la personne qui tient le relais, et ajoutez-le à sa place.
error-relay-ticket-used-up = Le billet de relais est épuisé.
hint-relay-ticket-used-up = Demandez-en un autre à la personne qui tient le relais, et ajoutez-le à sa place.
error-relay-crowded = Trop d’appareils utilisent ce relais, ou ce billet, à la fois.
hint-relay-crowded = Musette réessaie d’elle-même.
error-too-many-relays = Il y a déjà { $max } relais : on ne peut pas en utiliser davantage.
hint-too-many-relays = musette relay remove fait de la place.
error-relay-ambiguous = Plusieurs relais s’appellent { $relay }.
hint-relay-ambiguous = Donnez une plus longue fin de son nom.
error-relay-has-ticket = Ce relais est déjà là, avec un billet ; son adresse seule le lui ôterait.
hint-relay-has-ticket = Rien n’a changé. Pour l’utiliser sans le billet : musette relay remove, puis musette relay add
error-relay-not-found = Aucun relais ne s’appelle { $relay }.
hint-relay-not-found = musette relay list les montre tous.
error-relay-refused = Le relais ne donne pas de place à cet appareil.
hint-relay-refused = La personne qui le tient peut dire pourquoi : peut-être est-il plein, ou demande-t-il un billet.
error-not-in-quarantine = Rien en quarantaine ne commence par { $id }.
hint-not-in-quarantine = musette quarantine list montre ce qui s’y trouve.
error-in-trash = Cet élément est dans la corbeille.
hint-in-trash = Pour l’en sortir : musette restore-item { $id }. Pour l’effacer pour de bon : musette forget { $id }
error-not-in-trash = Cet élément n’est pas dans la corbeille.
hint-not-in-trash = Pour le voir : musette show { $id }
error-forgotten = Cet élément a été effacé pour de bon.
hint-forgotten = Pour savoir si tous vos appareils l’ont fait : musette status
error-trash-empty = La corbeille est vide.
hint-trash-empty = musette list montre ce qu’il y a.
error-quarantine-empty = Il n’y a rien en quarantaine.
hint-quarantine-empty = musette status le dit quand il y a quelque chose.
error-so-many = Cela fait { $count } éléments.
hint-so-many = Si vous les voulez tous : --many { $count }
error-not-so-many = Cela fait { $count } éléments, pas { $said }.
hint-not-so-many = Rien n’a été fait. musette list les montre.
error-forget-not-confirmed = Le mot était un autre, rien n’a donc été fait.
hint-forget-not-confirmed = La corbeille garde aussi les choses : musette remove ID
error-restored-waits = Cet appareil vient d’une sauvegarde. Il ne montre rien avant d’avoir rencontré un autre de vos appareils, pour que rien ne revienne de ce que vous avez supprimé.
hint-restored-waits = Faites-les se rencontrer : musette up, ici et là-bas. Si un voleur avait retiré les autres : musette device revoke APPAREIL --words, sur l’un d’eux, avec le nom de celui du voleur. S’il n’y a plus d’autre appareil : musette restore --alone
error-not-restored = Cet appareil n’en attend pas d’autre.
hint-not-restored = Il n’y a rien à faire.
error-no-backup = Il n’y a pas de sauvegarde dans { $path }
hint-no-backup = Indiquez le dossier écrit par musette backup.
error-backup-damaged = La sauvegarde dans { $path } est abîmée.
hint-backup-damaged = Écrivez-en une nouvelle dans un dossier vide. Ce qui se lit encore de celle-ci : musette restore
error-backup-unreadable = Rien ne peut être lu de la sauvegarde dans { $path }
hint-backup-unreadable = Essayez-en une autre copie, s’il y en a une. Si l’un de vos appareils fonctionne encore : musette recover
error-not-a-folder = Ceci est un fichier, pas un dossier : { $path }
hint-not-a-folder = Indiquez un dossier ; s’il n’existe pas encore, il est créé.
error-backup-newer = Cette sauvegarde a été écrite par une version plus récente du programme.
hint-backup-newer = Mettez musette à jour. Rien n’a changé.
error-backup-foreign = La sauvegarde dans { $path } est celle d’une autre Musette.
hint-backup-foreign = Indiquez un autre dossier. Rien n’a changé.
error-backup-not-empty = { $path } contient autre chose.
hint-backup-not-empty = Indiquez un dossier vide, ou qui n’existe pas encore. Rien n’a changé.
error-backup-in-home = { $path } se trouve dans la Musette elle-même, et serait perdu avec elle.
hint-backup-in-home = Indiquez un dossier sur un autre disque.
error-backup-no-folder = Impossible de créer un dossier à l’emplacement { $path }
hint-backup-no-folder = Indiquez-en un sur un disque présent. Rien n’a changé.
error-backup-in-use = Une autre sauvegarde vers { $path } est en cours.
hint-backup-in-use = Réessayez quand elle sera finie.
error-phrase-word-count = Une phrase de secours a 24 mots ; en voici { $found }.
hint-phrase-word-count = Tapez-les tous, dans leur ordre, séparés par des espaces.
error-phrase-unknown-word = Le mot { $position } ne figure pas dans la liste des mots de secours.
hint-phrase-unknown-word = Comparez-le avec le papier. Tous les mots sont d’une seule langue, le français ou l’anglais.
error-phrase-checksum = Ces mots ne vont pas ensemble : l’un est faux, ou deux ont changé de place.
hint-phrase-checksum = Comparez-les avec le papier, un à un.
error-words-of-another = Ces 24 mots sont valides, mais ce ne sont pas ceux de cette sauvegarde.
hint-words-of-another = Cherchez le papier qui va avec. Une sauvegarde faite avant le remplacement de vos mots s’ouvre avec les précédents.
error-healing = Il manque quelque chose à cet appareil après des dégâts ; il va le chercher sur un autre de vos appareils, et ne peut rien écrire d’ici là.
hint-healing = Laissez-le rencontrer un autre de vos appareils : musette up. S’il n’y en a plus : musette restore --alone
error-home-unknown = L’endroit où garder votre Musette n’a pas pu être trouvé.
hint-home-unknown = Dites-le : --home DOSSIER
error-node-gone = Le nœud s’est arrêté avant de répondre.
hint-node-gone = Pour le redémarrer : musette up. Ce qu’il avait confirmé est enregistré.
error-bad-name = Ce nom est vide, trop long, ou contient des caractères qu’aucun nom ne contient.
error-network-unavailable = Aucun réseau n’est utilisable ici.
error-no-fields = Il n’y a encore rien dans cet élément.
hint-no-fields = Donnez au moins un champ : CHAMP=VALEUR
error-not-synced-yet = Cet appareil n’a pas terminé sa première synchronisation.
hint-not-synced-yet = Laissez-le rencontrer un autre de vos appareils : musette up
error-socket-dir-unsafe = Le dossier de la prise du nœud pourrait être utilisé par quelqu’un d’autre.
hint-socket-dir-unsafe = Vérifiez XDG_RUNTIME_DIR : il doit vous appartenir et n’être ouvert à personne d’autre.
error-socket-path-too-long = Le chemin du dossier est trop long pour une prise réseau locale.
hint-socket-path-too-long = Choisissez-en un plus court avec --home, ou définissez XDG_RUNTIME_DIR.
error-stopping = Le nœud s’arrête.
hint-stopping = Réessayez dans un instant.
error-stream-refused = L’autre appareil n’a pas accepté de parler.
hint-stream-refused = Est-ce bien une Musette qui écoute là, et est-elle aussi récente que celle-ci ?
error-too-large = C’est trop gros pour être gardé en un morceau.
error-other-peer-there = Quelqu’un d’autre répond à cette adresse.
hint-other-peer-there = Elle appartient peut-être désormais à un autre appareil ou relais : vérifiez l’adresse.
error-unreachable = Votre autre appareil n’a pas pu être joint.
hint-unreachable = Est-ce que musette up y fonctionne, et les deux sont-ils sur le même réseau ?
error-bad-address = « { $address } » n’est pas une adresse.
hint-bad-address = musette up l’affiche sur l’autre appareil, par exemple /ip4/192.168.1.7/udp/4001/quic-v1 ; ou bien : 192.168.1.7:4001
error-recover-nobody = Aucun de vos appareils n’a été trouvé sur le réseau local.
hint-recover-nobody = Est-ce que musette up y fonctionne ? Si vous connaissez son adresse : musette recover --at ADRESSE. D’une sauvegarde : musette restore DOSSIER
error-recover-other-person = La Musette qui est là n’est pas celle de ces mots.
hint-recover-other-person = Si c’est la vôtre, cherchez le papier qui va avec ; si vous avez remplacé vos mots, elle ne connaît peut-être pas encore les nouveaux. Sinon, donnez une autre adresse : musette recover --at ADRESSE
error-recover-busy = Trop de monde demande à cet appareil en même temps.
hint-recover-busy = Réessayez dans un moment.
error-recover-device-revoked = L’appareil qui répond a été retiré : il n’a peut-être pas ce que vous avez écrit depuis.
hint-recover-device-revoked = Demandez à un autre : musette recover --at ADRESSE. D’une sauvegarde : musette restore DOSSIER
error-recover-refused = L’autre appareil n’a pas pu faire entrer celui-ci.
hint-recover-refused = Ce qui ne va pas, il le dit lui-même : musette status, là-bas. Sinon demandez à un autre : musette recover --at ADRESSE
error-recover-broken = L’autre appareil a dit quelque chose qui n’a pas de sens.
hint-recover-broken = Mettez musette à jour sur les deux, et réessayez. D’une sauvegarde : musette restore DOSSIER
error-recover-tampered = Qui répond vous connaît, et n’est aucun de vos appareils. Rien n’a été livré.
hint-recover-tampered = Réessayez sur un réseau de confiance, ou à une autre adresse : musette recover --at ADRESSE
error-pairing-refused = L’autre appareil a refusé.
hint-pairing-refused = Pour un nouveau billet, sur l’autre appareil : musette device invite
error-no-address = Cet appareil n’a aucune adresse qu’un autre puisse joindre.
hint-no-address = Connectez-le à un réseau, puis redémarrez le nœud : musette up
error-pairing-broken = L’association a été interrompue.
hint-pairing-broken = Pour un nouveau billet, sur votre autre appareil : musette device invite
error-pairing-tampered = Quelqu’un entre les deux a tenté de modifier l’association. Rien n’a été livré.
hint-pairing-tampered = Recommencez sur un réseau sûr.
error-ticket-unknown = L’autre appareil ne connaît pas ce billet.
hint-ticket-unknown = Son nœud a peut-être redémarré depuis. Pour un nouveau, sur cet autre appareil : musette device invite
error-session-closed = La connexion a été fermée de ce côté.
error-peer-paused = La synchronisation y est en pause.
error-peer-budget-used = Son volume du jour est épuisé.
error-sync-paused = La synchronisation est en pause sur cet appareil.
hint-sync-paused = Pour reprendre : musette sync resume
error-sync-budget-used = Le volume du jour est épuisé.
hint-sync-budget-used = Tout reprend demain sans rien faire. Pour davantage aujourd’hui : musette sync budget TAILLE, ou none
error-budget-too-small = C’est trop peu pour garder les appareils à jour.
hint-budget-too-small = Donnez au moins { SIZE($min) } par jour. Pour tout arrêter : musette sync pause
error-not-synced = Tout n’est pas encore à jour : { $waiting }.
hint-not-synced = { $why ->
    [refused] Les deux ne se reparleront pas d’eux-mêmes. Pour en voir plus : musette sync
    [never-met] Ils se rencontrent dès que musette up tourne sur les deux et qu’ils peuvent s’atteindre : le plus simplement sur un même réseau, sans --no-discovery.
   *[other] Cela continue tout seul tant que musette up tourne sur les deux appareils. Pour en voir plus : musette sync
}
error-no-node-in-time = Aucun nœud ne tourne sur ce dossier, donc rien ne bouge.
hint-no-node-in-time = Pour le démarrer : musette up
error-session-duplicate = Les deux appareils sont déjà connectés.
error-session-refused = L’autre appareil a refusé de parler à celui-ci.
error-session-malformed = L’autre appareil a envoyé quelque chose d’incompréhensible.
error-session-unrecognised = Ce qui a répondu n’est pas l’un de vos appareils.
error-session-bad-proof = Ce qui a répondu n’a pas pu prouver être votre appareil.
error-session-fork = Un appareil a écrit deux histoires différentes, peut-être parce qu’une copie de son dossier a été démarrée. Rien n’est perdu : musette status, ici ou là-bas, dit que faire (musette device split NOM)
error-quarantine-given-up = { $count ->
    [one] Quelque chose d’un élément
   *[other] Quelque chose de { $count } éléments
} est en quarantaine et serait perdu avec ce qui est abandonné.
hint-quarantine-given-up = Passez-les en revue : musette quarantine list. Ce qui est à vous : musette quarantine accept ID. Puis recommencez, avec --without-quarantine pour le reste
error-words-mismatch = Ce ne sont pas les mots que montre le nouvel appareil.
hint-words-mismatch = Recopiez-les tels que le nouvel appareil les montre ; après trois essais il est renvoyé. Si les mots sont vraiment différents, quelqu’un s’est peut-être glissé entre les deux : invitez de nouveau, sur un réseau sûr.
error-no-pairing = Aucun appareil n’attend d’être confirmé.
hint-no-pairing = D’abord : musette device invite
error-invitation-open = Une invitation est déjà ouverte.
hint-invitation-open = Utilisez son billet, ou attendez qu’il ne soit plus valable.
error-deadline = Cela a pris trop de temps.
hint-deadline = Rien n’est perdu. Réessayez.
error-unknown-format = La nature de { $file } n’a pas pu être reconnue.
hint-unknown-format = Précisez-la : --as linkedin ou --as vcard
error-import-nothing = Il n’y avait rien à importer là-dedans.
error-file-unreadable = Ce fichier ne peut pas être lu : { $file }
hint-file-unreadable = Vérifiez son nom, et que vous avez le droit de le lire.
error-not-a-file = Ce n’est pas un fichier : { $file }
hint-not-a-file = Indiquez un fichier ; ceux d’un dossier, un par un.
error-file-too-large = { $file } dépasse { SIZE($limit) }.
error-file-exists = Ce fichier existe déjà : { $file }
hint-file-exists = Choisissez un autre nom ; rien n’a été remplacé.
error-file-unwritable = Ce fichier ne peut pas être écrit : { $file }
error-words-unwritten = Votre Musette est créée, mais les mots de secours n’ont pas pu être écrits dans { $file }
hint-words-unwritten = Pour les voir : musette recovery show
error-not-a-conflict = Il n’y a rien à choisir dans « { $field } ».
hint-not-a-conflict = Pour le modifier : musette edit ID CHAMP=VALEUR
error-recovery-not-held = Cet appareil ne garde plus les mots de secours.
hint-recovery-not-held = Ils sont là où vous les avez notés.
error-recovery-mismatch = Certains de ces mots ne sont pas les bons.
hint-recovery-mismatch = Comparez avec le papier, et recopiez-les s’il le faut : musette recovery show
error-bad-listen-address = « { $address } » n’est pas une adresse d’écoute.
hint-bad-listen-address = Par exemple : /ip4/0.0.0.0/udp/0/quic-v1
error-port-in-use = Un autre programme utilise le port de { $address }.
hint-port-in-use = Choisissez-en un autre avec --listen ; 0 prend un port libre.
error-attachment-not-found = Cet élément n’a pas de pièce jointe « { $name } ».
hint-attachment-not-found = Pour les voir : musette show ID
error-read-only = Rien ne peut être écrit à cet endroit.
hint-read-only = Musette a besoin d’un dossier où elle peut écrire, même pour montrer ce qui s’y trouve. Rien n’a changé.
error-permission-denied = Ce n’est pas permis ici.
hint-permission-denied = Vérifiez à qui appartient le dossier.
error-bad-request = Ce nœud ne comprend pas la demande.
hint-bad-request = Si un nœud d’une autre version fonctionne, redémarrez-le : musette up
error-attachment-elsewhere = « { $name } » n’est sur aucun des appareils connectés.
hint-attachment-elsewhere = Il viendra de lui-même dès qu’un appareil qui l’a sera là.
error-protocol-older = L’autre appareil parle une version plus ancienne.
hint-protocol-older = Mettez musette à jour sur l’autre appareil.
error-protocol-newer = L’autre appareil parle une version plus récente.
hint-protocol-newer = Mettez musette à jour sur cet appareil.
error-input-ended = La réponse n’a pas été donnée.
hint-input-ended = Rien n’a changé.
error-demo-node = Le nœud « { $device } » de la démonstration s’est arrêté. Ses derniers mots : { $words }
error-source-unreadable = Le fichier n’a pas pu être lu jusqu’au bout.
error-source-empty = Le fichier est vide.
error-source-too-large = Le fichier dépasse { SIZE($limit) }.
error-archive-damaged = Cette archive est abîmée ou incomplète.
hint-archive-damaged = Téléchargez-la de nouveau.
error-archive-too-many-files = Cette archive a plus de { $limit } fichiers.
error-archive-foreign = Cette archive n’est pas un export LinkedIn.
error-not-linkedin = Ce fichier n’est pas un tableau d’un export LinkedIn.
error-not-vcard = Il n’y a pas de vCard dans ce fichier.

## Usage

usage-nothing-asked = Dites ce qu’il faut faire.
usage-unknown-argument = { $argument } n’est pas une option ici.
usage-unknown-command = La commande « { $command } » n’existe pas.
usage-revoke-yes = Personne n’est là pour répondre : pour retirer un appareil depuis un script, ajoutez --yes.
usage-forget-yes = Personne n’est là pour répondre : pour effacer pour de bon depuis un script, ajoutez --yes.
usage-missing = Il manque : { $argument }
usage-bad-value = « { $value } » ne convient pas à { $argument }.
usage-conflict = { $argument } et { $other } ne vont pas ensemble.
usage-not-utf8 = La ligne contient des caractères illisibles.
usage-wrong = La ligne n’est pas compréhensible { $argument }
usage-size = Écrivez une taille comme 500Mo ou 1,5Go, ou « aucun ».
usage-time-limit = Écrivez un nombre de secondes, ou une durée comme 30min.
usage-duration = Écrivez une durée comme 30min, 2h ou 1j.
usage-pause-too-long = C’est plus d’un an ; sans --for, la pause dure jusqu’à la reprise.
usage-field-value = Écrivez CHAMP=VALEUR.
usage-nothing-to-remove = Un nouvel élément n’a rien à retirer : CHAMP-=VALEUR est pour edit.
usage-passphrase-new = Donnez la nouvelle phrase de passe par --new FICHIER, ou --no-passphrase ou --keyring, ou lancez ceci dans un terminal.
usage-passphrase-or-not = --passphrase-file et --no-passphrase ne vont pas ensemble.
usage-passphrase-or-keyring = --passphrase-file et --keyring ne vont pas ensemble.
usage-recovery-lines = Attendu : les 24 mots sur une ligne, ou au moins trois lignes POSITION MOT.
usage-recover-nowhere = Sans chercher sur le réseau local, il faut une adresse : --at ADRESSE
usage-extract-to = Dites où l’écrire : --to FICHIER

## Help

help-usage = Usage :
help-commands = Commandes{" "}
help-command-value = COMMANDE
help-arguments = Arguments{" "}
help-options = Options{" "}
value-dir = DOSSIER
value-file = FICHIER
value-name = NOM
value-device = APPAREIL
value-count = NOMBRE
value-addr = ADRESSE
value-ticket = BILLET
value-relay = RELAIS
value-words = MOTS
value-kind = SORTE
value-field-value = CHAMP=VALEUR
value-id = ID
value-batch = IMPORT
value-format = FORMAT
value-date = DATE
value-duration = DURÉE
value-size = TAILLE
value-seconds = SECONDES
help-musette = Vos propres données, scellées, sur vos propres appareils.
help-musette--home = Où est votre Musette (ou MUSETTE_HOME)
help-musette--json = Répondre en JSON, erreurs comprises
help-musette--quiet = Ne dire que l’important
help-musette--lang = Langue (ou MUSETTE_LANG)
help-musette--passphrase_file = La phrase de passe est la première ligne de ce fichier ; - pour l’entrée standard
help-musette--verbose = Montrer les journaux, jamais de contenu ; à répéter pour en voir plus
help-musette--help = Afficher cette aide
help-musette--version = Afficher la version
help-musette-up = Démarrer votre Musette, et la créer d’abord s’il n’y en a pas
help-musette-up--listen = Adresse d’écoute, comme /ip4/0.0.0.0/udp/0/quic-v1
help-musette-up--no_discovery = Ne pas chercher vos appareils sur le réseau local
help-musette-up--name = Votre nom, s’il faut créer une Musette
help-musette-up--device = Le nom de cet appareil, s’il faut créer une Musette
help-musette-up--stop_with_input = S’arrêter quand l’entrée standard se ferme, pour les programmes
help-musette-demo = La voir à l’œuvre avec une personne inventée, sur deux nœuds
help-musette-demo--exit = Finir après l’histoire
help-musette-init = Créer une Musette
help-musette-init--name = Votre nom
help-musette-init--device = Le nom de cet appareil
help-musette-init--no_passphrase = L’ouvrir par un fichier-clé
help-musette-init--keyring = L’ouvrir par le trousseau du système
help-musette-init--recovery_out = Écrire les 24 mots de secours dans ce nouveau fichier
help-musette-passphrase = Changer ce qui ouvre cet appareil
help-musette-passphrase--new = Un fichier dont la première ligne est la nouvelle phrase de passe (- pour l’entrée standard)
help-musette-passphrase--no_passphrase = L’ouvrir désormais par un fichier-clé
help-musette-passphrase--keyring = L’ouvrir désormais par le trousseau du système
help-musette-backup = Écrire tout ce que cet appareil contient, scellé, dans un dossier ailleurs ; la fois suivante, seulement le nouveau
help-musette-backup--dir = Le dossier de la sauvegarde
help-musette-restore = Faire un nouvel appareil à partir d’une sauvegarde et de vos 24 mots (d’un autre appareil en marche : recover)
help-musette-restore--dir = Le dossier de la sauvegarde
help-musette-restore--device = Le nom de cet appareil
help-musette-restore--no_passphrase = L’ouvrir par un fichier-clé
help-musette-restore--keyring = L’ouvrir par le trousseau du système
help-musette-restore--alone = Vous n’avez plus d’autre appareil : ce que vous avez supprimé depuis la sauvegarde peut revenir
help-musette-recover = Faire un nouvel appareil à partir de vos 24 mots et d’un autre appareil en marche (d’une sauvegarde : restore)
help-musette-recover--at = Où l’autre appareil écoute, comme musette up l’y affiche ; sinon, le réseau local est exploré
help-musette-recover--device = Le nom de cet appareil
help-musette-recover--no_passphrase = L’ouvrir par un fichier-clé
help-musette-recover--keyring = L’ouvrir par le trousseau du système
help-musette-recover--listen = Adresse d’écoute
help-musette-recover--no_discovery = Ne pas chercher vos appareils sur le réseau local
help-musette-recovery = Vos 24 mots de secours
help-musette-recovery-show = Afficher les mots, pour les noter
help-musette-recovery-check = Vérifier que vous les avez notés
help-musette-recovery-replace = Faire de nouveaux mots à la place de ceux-ci, si quelqu’un a pu les voir
help-musette-status = Comment va votre Musette
help-musette-status--wait = Attendre que chaque appareil ait tout (synced), ou que tout ce qui est connu soit arrivé ici (here)
help-musette-status--timeout = Combien de temps attendre au plus, en secondes (60 sans précision)
help-musette-sync = Quand synchroniser, et combien
help-musette-sync-pause = Ne rien envoyer ni recevoir
help-musette-sync-pause--span = Pour combien de temps, par exemple 2h
help-musette-sync-resume = Finir une pause
help-musette-sync-metered = Si chaque octet se paie ici : les pièces jointes ne viennent alors qu’à la demande
help-musette-sync-metered--switch = on ou off
help-musette-sync-budget = Le volume que peut prendre un jour
help-musette-sync-budget--amount = Octets par jour UTC, dans les deux sens, par exemple 500Mo ; ou « aucun »
help-musette-sync-now = Rechercher chaque appareil maintenant
help-musette-device = Vos appareils
help-musette-device-invite = Inviter un nouvel appareil
help-musette-device-invite--yes = Le laisser entrer sans comparer de mots
help-musette-device-confirm = Laisser entrer le nouvel appareil, s’il affiche ces mots
help-musette-device-confirm--words = Les trois mots
help-musette-device-join = Faire de cet ordinateur l’un de vos appareils
help-musette-device-join--ticket = Le billet donné par l’autre appareil ; - pour l’entrée standard
help-musette-device-join--device = Le nom de cet appareil
help-musette-device-join--yes = Ne rien demander
help-musette-device-join--no_passphrase = L’ouvrir par un fichier-clé
help-musette-device-join--keyring = L’ouvrir par le trousseau du système
help-musette-device-join--listen = Adresse d’écoute
help-musette-device-join--no_discovery = Ne pas chercher vos appareils sur le réseau local
help-musette-device-list = Lister vos appareils
help-musette-device-revoke = Retirer un appareil perdu, volé ou donné
help-musette-device-revoke--device = Son nom, ou le début de son identifiant
help-musette-device-revoke--restore = Un appareil qu’il avait retiré et qui reste
help-musette-device-revoke--words = Avec les 24 mots de secours, qui sont alors demandés
help-musette-device-revoke--yes = Ne rien demander
help-musette-device-split = Continuer comme un appareil à part, avec ce qui est ici : quand une copie d’un dossier sert aussi ailleurs, que ce soit de cet appareil ou d’un autre
help-musette-device-split--name = Le nom que vous donnez à cet appareil
help-musette-device-split--without_quarantine = Même si quelque chose en quarantaine est perdu ainsi
help-musette-remove = Mettre des éléments à la corbeille
help-musette-remove--ids = Les identifiants des éléments
help-musette-remove--many = Combien il y en a, s’il y en a plus de 20
help-musette-restore-item = Sortir des éléments de la corbeille
help-musette-restore-item--ids = Les identifiants des éléments
help-musette-forget = Oublier des éléments pour de bon, sur tous vos appareils
help-musette-forget--ids = Les identifiants des éléments
help-musette-forget--trash = Tout ce qui est à la corbeille
help-musette-forget--many = Combien il y en a, s’il y en a plus de 20
help-musette-forget--yes = Ne rien demander
help-musette-list--trash = Ce qui est à la corbeille
help-musette-relay = Des points de rencontre pour les appareils qui ne peuvent pas se joindre directement
help-musette-relay-add = Utiliser un relais
help-musette-relay-add--relay = Ses adresses, ou le billet donné par la personne qui le tient
help-musette-relay-list = Les lister
help-musette-relay-remove = Ne plus en utiliser un
help-musette-relay-remove--relay = Son nom, ou la fin de celui-ci
help-musette-quarantine = Ce que des appareils ont fait après leur retrait
help-musette-quarantine-list = L’afficher
help-musette-quarantine-accept = Le faire compter quand même
help-musette-quarantine-accept--ids = Les identifiants des éléments
help-musette-quarantine-accept--all = Tout
help-musette-import = Faire entrer les fichiers que des services vous ont remis
help-musette-import--files = Archives LinkedIn, vCards
help-musette-import--format = Ce que sont les fichiers : linkedin ou vcard
help-musette-import--dry_run = Montrer seulement ce qui se passerait
help-musette-import-list = Lister les imports
help-musette-import-undo = Annuler un import
help-musette-import-undo--batch = L’identifiant de l’import
help-musette-add = Ajouter quelque chose à la main
help-musette-add--kind = Ce que c’est ; voir musette kinds
help-musette-add--fields = Ses champs ; répéter celui d’une liste
help-musette-list = Lister ce que vous avez
help-musette-list--kind = Seulement cette sorte
help-musette-list--all = Aussi ce qui est archivé ou scellé
help-musette-show = Montrer un élément
help-musette-show--id = Le début de son identifiant
help-musette-edit = Modifier un élément
help-musette-edit--id = Le début de son identifiant
help-musette-edit--fields = CHAMP=VALEUR remplit, CHAMP= vide, CHAMP+=VALEUR et CHAMP-=VALEUR sont pour les listes
help-musette-history = Montrer les changements d’un élément
help-musette-history--id = Le début de son identifiant
help-musette-resolve = Choisir entre des valeurs que vos appareils n’ont pas en commun
help-musette-resolve--id = Le début de son identifiant
help-musette-resolve--choices = Le champ et la valeur à garder
help-musette-attach = Garder un fichier avec un élément
help-musette-attach--id = Le début de son identifiant
help-musette-attach--file = Le fichier
help-musette-extract = Récupérer un fichier joint
help-musette-extract--id = Le début de l’identifiant de l’élément
help-musette-extract--name = Le nom de la pièce jointe, ou le début de son identifiant
help-musette-extract--to = Le nouveau fichier où l’écrire
help-musette-fetch = Faire venir un fichier joint d’un autre appareil
help-musette-fetch--id = Le début de l’identifiant de l’élément
help-musette-fetch--name = Le nom de la pièce jointe, ou le début de son identifiant
help-musette-kinds = Les sortes d’éléments, et leurs champs
help-musette-kinds--kind = Les champs de cette sorte
help-musette-timeline = Votre frise chronologique
help-musette-timeline--from = À partir de cette date
help-musette-timeline--to = Jusqu’à cette date
help-musette-timeline--kind = Seulement cette sorte
help-musette-doctor = Vérifier que tout est en ordre
help-musette-doctor-net = Expliquer le réseau où se trouve cet appareil
help-musette-doctor--compact = Rendre la place de ce qui a été remplacé
help-musette-doctor--rebuild = Refaire l’index à partir du journal
help-musette-events = Suivre ce qui change, une ligne JSON à la fois, pour les programmes

panic = musette : c’est une erreur de notre part, à { $place }. Rien de ce qui était annoncé comme enregistré n’est perdu. Merci de la signaler.
