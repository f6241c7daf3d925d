/** The texts of the app, in the syntax of Fluent. */
export const ar = `
restante = Restante
restante-unread = ({ $count }) Restante
slogan = كل رسالة تُقبَل تُحفَظ، وتصل إلى الجميع مرة واحدة وبترتيب واحد.
close = إغلاق
back = رجوع

welcome-server = أي خادم؟
welcome-name = أهلًا بك
welcome-token = أهلًا بك
name = اسمك
name-hint = يراه الآخرون بجانب رسائلك. لا يطلب هذا الخادم كلمة مرور.
token = رمز الدخول
token-hint = يطلب هذا الخادم رمز دخول. ألصق الرمز الذي حصلت عليه.
token-show = إظهار الرمز
token-hide = إخفاء الرمز
server = الخادم
server-hint = عنوانه، مثل chat.example.org
continue = متابعة
busy = لحظة…
opening = جارٍ الفتح…
unreachable-title = الخادم لا يجيب
unreachable-text = يتعذر الوصول إلى { $server } الآن.
try-again = إعادة المحاولة

problem-not-an-address = هذا ليس عنوان خادم.
problem-no-answer = لا يجيب أحد على هذا العنوان.
problem-not-a-name = لا يصلح هذا اسمًا: من 1 إلى 128 بايت، وفيه محرف مرئي واحد على الأقل، وبلا محارف تحكم.
problem-not-a-token = هذا ليس رمز دخول لخادم Restante.
problem-expired = انتهت صلاحية هذا الرمز.
problem-not-accepted = لا يقبل الخادم هذا الرمز.

rooms = الغرف
unread = { $count ->
    [zero] لا رسائل غير مقروءة
    [one] رسالة واحدة غير مقروءة
    [two] رسالتان غير مقروءتين
    [few] { $count } رسائل غير مقروءة
    [many] { $count } رسالة غير مقروءة
   *[other] { $count } رسالة غير مقروءة
}
you = أنت
draft = مسودة
waiting = في الانتظار

cancel = إلغاء

message = الرسالة
send = إرسال
remaining = { $count ->
    [zero] لم يبق شيء
    [one] بقي بايت واحد
    [two] بقي بايتان
    [few] بقيت { $count } بايتات
    [many] بقي { $count } بايتًا
   *[other] بقي { $count } بايت
}
too-long = { $count ->
    [one] الرسالة أطول من المسموح ببايت واحد. قصّرها أو أرسلها على أجزاء.
    [two] الرسالة أطول من المسموح ببايتين. قصّرها أو أرسلها على أجزاء.
    [few] الرسالة أطول من المسموح بـ { $count } بايتات. قصّرها أو أرسلها على أجزاء.
    [many] الرسالة أطول من المسموح بـ { $count } بايتًا. قصّرها أو أرسلها على أجزاء.
   *[other] الرسالة أطول من المسموح بـ { $count } بايت. قصّرها أو أرسلها على أجزاء.
}
read-only = يمكنك القراءة هنا دون الكتابة.
not-sent = لم تُقبل الرسالة: { $reason }
not-kept = الرسالة قيد الإرسال، لكن هذا الجهاز لا يستطيع حفظها. أبق التطبيق مفتوحًا حتى يتم إرسالها.

link-connecting = جارٍ الاتصال…
link-live = متصل
link-offline = لا توجد شبكة
link-unreachable = لا اتصال بالخادم
link-refused = لم يعد رمز الدخول صالحًا
link-closed = انقطع الاتصال
link-waiting = { $link }، { $count ->
    [zero] لا رسائل في الانتظار
    [one] رسالة واحدة في الانتظار
    [two] رسالتان في الانتظار
    [few] { $count } رسائل في الانتظار
    [many] { $count } رسالة في الانتظار
   *[other] { $count } رسالة في الانتظار
}
link-unkept = { $link } (هذا الجهاز لا يحفظ شيئًا)
try-now = حاول الآن
new-token = إدخال رمز جديد

settings = الإعدادات
language = اللغة
language-device = لغة الجهاز
scheme = المظهر
scheme-system = مثل الجهاز
scheme-light = فاتح
scheme-dark = داكن
about = حول
about-text = يحفظ Restante كل ما قبله: مرة واحدة، وبترتيب واحد في كل غرفة، للجميع.
sign-out = تسجيل الخروج
sign-out-hint = يزيل كل ما يحفظه هذا الجهاز، لكل من سجّل الدخول هنا.
sign-out-waiting = { $count ->
    [zero] لا رسائل غير مرسلة.
    [one] رسالة واحدة لم تُرسل بعد، وستضيع.
    [two] رسالتان لم تُرسلا بعد، وستضيعان.
    [few] { $count } رسائل لم تُرسل بعد، وستضيع.
    [many] { $count } رسالة لم تُرسل بعد، وستضيع.
   *[other] { $count } رسالة لم تُرسل بعد، وستضيع.
}
sign-out-anyway = تسجيل الخروج رغم ذلك
`;
