/** The texts of the app, in the syntax of Fluent. */
export const ar = `
restante = Restante
restante-unread = ({ $count }) Restante
slogan = كل رسالة تُقبَل تُحفَظ، وتصل إلى الجميع مرة واحدة وبترتيب واحد.
close = إغلاق
back = رجوع

welcome-server = أي خادم؟
welcome-name = أهلاً بك
welcome-token = أهلاً بك
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
problem-no-answer = لا جواب من هذا العنوان.
problem-not-a-name = طول الاسم من 1 إلى 128 بايت، وفيه ما يُرى، بلا أحرف تحكم.
problem-not-a-token = هذا ليس رمز دخول لخادم Restante.
problem-expired = انتهت صلاحية هذا الرمز.
problem-not-accepted = لا يقبل الخادم هذا الرمز.

rooms = الغرف
rooms-empty = لست في أي غرفة بعد. علامة الزائد في الأعلى تقودك إلى واحدة.
unread = { $count } غير مقروءة
you = أنت
draft = مسودة
waiting = في الانتظار
join-title = دخول غرفة
join-text = الغرف مفتوحة لكل من يحق له قراءتها. تبدأ الغرفة الجديدة بأول رسالة فيها.
room = الغرفة
room-hint = أحرف لاتينية صغيرة وأرقام ونقاط وشرطات؛ تبدأ بحرف أو رقم
room-problem = لا يمكن لغرفة أن تحمل هذا الاسم: أحرف لاتينية صغيرة وأرقام ونقاط وشرطات، 64 على الأكثر، أولها حرف أو رقم.
join = دخول
directory = غرف هذا الخادم
directory-none = لا غرفة أخرى بهذا الاسم. يمكنك أن تبدأها.
directory-empty = لا غرف أخرى بعد. يمكنك أن تبدأ واحدة.
directory-failed = يتعذر عرض غرف هذا الخادم الآن.
directory-loading = جارٍ البحث عن الغرف…

pick = اختر غرفة
pick-text = يظهر هنا ما يُكتب فيها.
not-joined = لست في هذه الغرفة
not-joined-text = ادخل { $room } لتقرأها.
join-this = دخول { $room }
leave = مغادرة الغرفة
leave-text = تُحذف { $room } من قائمتك. يبقى ما كُتب فيها، ويمكنك العودة.
cancel = إلغاء

message = الرسالة
send = إرسال
remaining = { $count ->
    [zero] لم يبق شيء
    [one] بقي بايت واحد
    [two] بقي بايتان
    [few] بقيت { $count } بايتات
    [many] بقي { $count } بايتاً
   *[other] بقي { $count } بايت
}
too-long = { $count ->
    [one] الرسالة أطول من المسموح ببايت واحد. قصّرها أو أرسلها على أجزاء.
    [two] الرسالة أطول من المسموح ببايتين. قصّرها أو أرسلها على أجزاء.
    [few] الرسالة أطول من المسموح بـ { $count } بايتات. قصّرها أو أرسلها على أجزاء.
    [many] الرسالة أطول من المسموح بـ { $count } بايتاً. قصّرها أو أرسلها على أجزاء.
   *[other] الرسالة أطول من المسموح بـ { $count } بايت. قصّرها أو أرسلها على أجزاء.
}
read-only = يمكنك القراءة هنا، لا الكتابة.
not-sent = تعذر قبول الرسالة: { $reason }
not-kept = الرسالة قيد الإرسال، لكن هذا الجهاز لا يستطيع حفظها حتى ذلك الحين: { $reason }

link-connecting = جارٍ الاتصال…
link-live = متصل
link-offline = بلا شبكة
link-unreachable = لا اتصال بالخادم
link-refused = لم يعد رمز الدخول صالحاً
link-closed = انقطع الاتصال
link-waiting = { $link }، { $count ->
    [zero] لا رسائل في الانتظار
    [one] رسالة واحدة في الانتظار
    [two] رسالتان في الانتظار
    [few] { $count } رسائل في الانتظار
    [many] { $count } رسالة في الانتظار
   *[other] { $count } رسالة في الانتظار
}
link-unkept = { $link } (هذا الجهاز لا يحفظ شيئا)
try-now = حاول الآن
new-token = إدخال رمز جديد

settings = الإعدادات
signed-in = دخلت باسم
language = اللغة
language-device = لغة الجهاز
scheme = المظهر
scheme-system = مثل الجهاز
scheme-light = فاتح
scheme-dark = داكن
about = حول
about-text = يحفظ Restante ما قبله: ترتيب واحد لكل غرفة، مرة واحدة، للجميع.
sign-out = تسجيل الخروج
sign-out-hint = يزيل من هذا الجهاز كل ما يُحفظ لهذا الاسم.
sign-out-waiting = { $count ->
    [zero] لا رسائل غير مرسلة.
    [one] رسالة واحدة لم تُرسل بعد، وستضيع.
    [two] رسالتان لم تُرسلا بعد، وستضيعان.
    [few] { $count } رسائل لم تُرسل بعد، وستضيع.
    [many] { $count } رسالة لم تُرسل بعد، وستضيع.
   *[other] { $count } رسالة لم تُرسل بعد، وستضيع.
}
sign-out-anyway = الخروج وفقدانها
`;
