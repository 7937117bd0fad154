"""What the PBX itself says, by name (`prompt/system-NAME`) and language. A new text: a line here, then `make prompts`.

Slots (`{digits}`, `{position}`, `{count n: one|few|many}`; `pbx.speech.spoken.slots`) are values of the feature.
Russian texts are those of a polite operator, English ones those of the United States.
"""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    # any call
    "barred": {
        "ru-RU": "Звонки на этот номер вам не разрешены.",
        "en-US": "You may not call this number.",
    },
    "confirm": {
        "ru-RU": "Вам звонят из компании. Чтобы ответить, нажмите один.",
        "en-US": "A call from your company. To take it, press one.",
    },
    "suspended": {
        "ru-RU": "Номер временно не обслуживается. Позвоните позже.",
        "en-US": "This number is out of service for now. Please call later.",
    },
    "goodbye": {
        "ru-RU": "До свидания.",
        "en-US": "Goodbye.",
    },
    # menus
    "invalid": {
        "ru-RU": "Такого варианта нет.",
        "en-US": "That is not one of the choices.",
    },
    "read-back": {
        "ru-RU": "Вы ввели: {digits}. Если всё верно, нажмите один.",
        "en-US": "You entered {digits}. If that is right, press one.",
    },
    "not-understood": {
        "ru-RU": "Извините, вас не удалось понять.",
        "en-US": "Sorry, that was not understood.",
    },
    # switches
    "override-on": {
        "ru-RU": "Режим включён.",
        "en-US": "It is now on.",
    },
    "override-off": {
        "ru-RU": "Режим выключен.",
        "en-US": "It is now off.",
    },
    # queues
    "queue-position": {
        "ru-RU": "Вы {position} в очереди. Пожалуйста, оставайтесь на линии.",
        "en-US": "You are {position} in line. Please stay on the line.",
    },
    # conferences
    "conference-pin": {
        "ru-RU": "Введите код конференции и нажмите решётку.",
        "en-US": "Enter the code of the conference, then press pound.",
    },
    "conference-wrong-pin": {
        "ru-RU": "Код неверный.",
        "en-US": "That code is wrong.",
    },
    "conference-blocked": {
        "ru-RU": "Слишком много неверных кодов. Попробуйте позже.",
        "en-US": "Too many wrong codes. Please try later.",
    },
    "conference-wait": {
        "ru-RU": "Конференция ещё не началась. Дождитесь ведущего.",
        "en-US": "The conference has not begun. Please wait for the moderator.",
    },
    "conference-alone": {
        "ru-RU": "Вы первый участник конференции.",
        "en-US": "You are the first in this conference.",
    },
    "conference-menu": {
        "ru-RU": "Чтобы выключить или включить микрофон, нажмите один. Сколько вас, скажу по клавише шесть.",
        "en-US": "To mute or unmute yourself, press one. To hear how many are here, press six.",
    },
    "conference-moderator-menu": {
        "ru-RU": "Свой микрофон: один. Закрыть или открыть конференцию: два. Выключить или включить микрофоны "
        "участников: три. Отключить последнего: четыре. Вызвать ещё кого-то: пять. Сколько вас: шесть. Закончить для "
        "всех: девять.",
        "en-US": "For your microphone press one. To lock or open the conference press two. To mute or unmute the "
        "others press three. To remove the last one press four. To call somebody in press five. To hear how many are "
        "here press six. To end it for all press nine.",
    },
    "conference-count": {
        "ru-RU": "Вас здесь {count m: участник|участника|участников}.",
        "en-US": "There are {count: person|people} here.",
    },
    "conference-over": {
        "ru-RU": "Ведущий закончил конференцию.",
        "en-US": "The moderator has ended the conference.",
    },
    "conference-number": {
        "ru-RU": "Введите номер и нажмите решётку.",
        "en-US": "Enter the number, then press pound.",
    },
    "conference-full": {
        "ru-RU": "В конференции больше нет мест.",
        "en-US": "This conference is full.",
    },
    "conference-locked": {
        "ru-RU": "Конференция закрыта для новых участников.",
        "en-US": "This conference is locked.",
    },
    "conference-lock-on": {
        "ru-RU": "Конференция закрыта.",
        "en-US": "The conference is now locked.",
    },
    "conference-lock-off": {
        "ru-RU": "Конференция открыта.",
        "en-US": "The conference is now open.",
    },
    "conference-muted": {
        "ru-RU": "Ваш микрофон выключен.",
        "en-US": "You are muted.",
    },
    "conference-unmuted": {
        "ru-RU": "Ваш микрофон включён.",
        "en-US": "You are no longer muted.",
    },
    "conference-kicked": {
        "ru-RU": "Ведущий отключил вас от конференции.",
        "en-US": "The moderator has removed you from the conference.",
    },
    "third-busy": {
        "ru-RU": "Абонент занят. Возвращаю вас к разговору.",
        "en-US": "That line is busy. Going back to your call.",
    },
    "third-no-answer": {
        "ru-RU": "Абонент не отвечает. Возвращаю вас к разговору.",
        "en-US": "There is no answer. Going back to your call.",
    },
    "ad-hoc-menu": {
        "ru-RU": "Свой микрофон: один. Выключить или включить микрофоны остальных: три. Отключить последнего: четыре. "
        "Вызвать ещё кого-то: пять. Сколько вас: шесть. Закончить для всех: девять.",
        "en-US": "For your microphone press one. To mute or unmute the others press three. To remove the last one "
        "press four. To call somebody in press five. To hear how many are here press six. To end it for all press "
        "nine.",
    },
    # voicemail: the caller
    "voicemail": {
        "ru-RU": "Сейчас вам не могут ответить. Оставьте сообщение после сигнала.",
        "en-US": "Nobody can take your call now. Please leave a message after the tone.",
    },
    "voicemail-full": {
        "ru-RU": "Почтовый ящик переполнен. Сообщение оставить нельзя.",
        "en-US": "This mailbox is full and takes no messages.",
    },
    "voicemail-unavailable": {
        "ru-RU": "Записать сообщение сейчас не удаётся. Позвоните позже.",
        "en-US": "Your message cannot be recorded now. Please call later.",
    },
    "voicemail-recorded": {
        "ru-RU": "Сообщение записано.",
        "en-US": "Your message has been recorded.",
    },
    # voicemail: its owner
    "voicemail-pin": {
        "ru-RU": "Введите код почтового ящика и нажмите решётку.",
        "en-US": "Enter the code of your mailbox, then press pound.",
    },
    "voicemail-wrong-pin": {
        "ru-RU": "Код неверный.",
        "en-US": "That code is wrong.",
    },
    "voicemail-locked": {
        "ru-RU": "Почтовый ящик временно заблокирован. Попробуйте позже.",
        "en-US": "This mailbox is locked for a while. Please try later.",
    },
    "voicemail-which": {
        "ru-RU": "Ящик номера {number}: нажмите {digits}.",
        "en-US": "For the mailbox of {number}, press {digits}.",
    },
    "voicemail-heard-by": {
        "ru-RU": "Его прослушали с номера {number}.",
        "en-US": "It was heard by {number}.",
    },
    "voicemail-gone": {
        "ru-RU": "Это сообщение уже удалили.",
        "en-US": "That message has been deleted meanwhile.",
    },
    "voicemail-new": {
        "ru-RU": "У вас {count n: новое сообщение|новых сообщения|новых сообщений}.",
        "en-US": "You have {count: new message|new messages}.",
    },
    "voicemail-none": {
        "ru-RU": "Новых сообщений нет.",
        "en-US": "You have no new messages.",
    },
    "voicemail-from": {
        "ru-RU": "Сообщение от {number}.",
        "en-US": "A message from {number}.",
    },
    "voicemail-received": {
        "ru-RU": "Получено {date} в {time}.",
        "en-US": "Received on {date} at {time}.",
    },
    "voicemail-menu": {
        "ru-RU": "Повторить, один. Удалить, два. Сохранить, три. Переслать, четыре. "
        "Перезвонить, пять. Кто и когда, шесть. Следующее, решётка.",
        "en-US": "To repeat, press one. To delete, two. To keep, three. To forward, four. "
        "To call back, five. For who and when, six. For the next, pound.",
    },
    "voicemail-deleted": {
        "ru-RU": "Сообщение удалено.",
        "en-US": "The message is deleted.",
    },
    "voicemail-saved": {
        "ru-RU": "Сообщение сохранено.",
        "en-US": "The message is kept.",
    },
    "voicemail-no-more": {
        "ru-RU": "Больше сообщений нет.",
        "en-US": "There are no more messages.",
    },
    "voicemail-options": {
        "ru-RU": "Предыдущее, звёздочка. Приветствие и код, ноль.",
        "en-US": "For the one before, press star. For greetings and code, zero.",
    },
    "voicemail-settings": {
        "ru-RU": "Записать приветствие, один. На время отсутствия, два. Вернуть общее, три. Сменить код, четыре. "
        "Приветствие, когда занято, пять. Прослушать, шесть.",
        "en-US": "To record your greeting, press one. One for some days, two. The company's, three. Your code, four. "
        "One for when you are busy, five. To hear it, six.",
    },
    "voicemail-days": {
        "ru-RU": "Введите число дней и нажмите решётку.",
        "en-US": "Enter the number of days, then press pound.",
    },
    "voicemail-comment": {
        "ru-RU": "Скажите комментарий после сигнала и нажмите решётку.",
        "en-US": "Add a comment after the tone, then press pound.",
    },
    "voicemail-pin-again": {
        "ru-RU": "Введите этот код ещё раз и нажмите решётку.",
        "en-US": "Enter that code again, then press pound.",
    },
    "voicemail-forward": {
        "ru-RU": "Введите внутренний номер получателя и нажмите решётку.",
        "en-US": "Enter the extension to forward it to, then press pound.",
    },
    "voicemail-forwarded": {
        "ru-RU": "Сообщение отправлено.",
        "en-US": "The message has been forwarded.",
    },
    "voicemail-greeting": {
        "ru-RU": "Запишите приветствие после сигнала и нажмите решётку.",
        "en-US": "Record your greeting after the tone, then press pound.",
    },
    "voicemail-greeting-saved": {
        "ru-RU": "Приветствие сохранено.",
        "en-US": "Your greeting is saved.",
    },
    "voicemail-new-pin": {
        "ru-RU": "Введите новый код и нажмите решётку.",
        "en-US": "Enter a new code, then press pound.",
    },
    "voicemail-weak-pin": {
        "ru-RU": "Такой код слишком простой. Выберите другой.",
        "en-US": "That code is too easy to guess. Please choose another.",
    },
    "voicemail-pin-changed": {
        "ru-RU": "Код изменён.",
        "en-US": "Your code has been changed.",
    },
}  # fmt: skip
