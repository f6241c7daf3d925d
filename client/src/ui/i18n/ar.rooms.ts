/** The texts of the list of rooms, the search, the settings and the notifications, in the syntax of Fluent. */
export const ar = `
rooms-empty = لست في أي غرفة بعد.
mentions = { $count ->
    [zero] لم تُذكر
    [one] ذُكرت مرة واحدة
    [two] ذُكرت مرتين
    [few] ذُكرت { $count } مرات
    [many] ذُكرت { $count } مرة
   *[other] ذُكرت { $count } مرة
}
row-muted = بلا إشعارات
row-seldom = تُفحص كل نصف دقيقة
discover = غرف أخرى على هذا الخادم
find = البحث عن غرفة
find-or-create = البحث عن غرفة أو إنشاؤها
find-name = الغرفة
find-placeholder = بداية اسمها
find-nearest = استخدام { $room }
find-group-joined = غرفك
find-group-found = على هذا الخادم
find-group-new = بهذا الاسم
find-joined = أنت فيها
find-open = فتح
find-join = دخول
find-create = إنشاء هذه الغرفة
find-unknown = إن لم تكن موجودة، فإنها تبدأ بأول رسالة
find-messages = { $count ->
    [zero] لا رسائل
    [one] رسالة واحدة
    [two] رسالتان
    [few] { $count } رسائل
    [many] { $count } رسالة
   *[other] { $count } رسالة
}
find-looking = جارٍ البحث على الخادم…
find-unreachable = يتعذر الوصول إلى الخادم. لا تظهر هنا إلا غرفك.
find-failed = يتعذر البحث على الخادم الآن. لا تظهر هنا إلا غرفك.
find-more = الغرف أكثر مما يتسع له المكان: اكتب بداية الاسم.
find-more-begin = تبدأ غرف أخرى بهذا أيضًا: تابع الكتابة.
find-none = لا غرفة أخرى تبدأ بهذا.
find-none-yet = لا غرف أخرى بعد. اكتب اسمًا لإنشاء غرفة.
name-begins = يبدأ الاسم بحرف لاتيني صغير أو رقم.
name-blank = لا مسافات في الاسم. استخدم شرطة بدلًا منها.
name-character = لا يمكن أن يحتوي الاسم على «{ $character }»: فقط الأحرف من a إلى z والأرقام والنقاط والشرطات.
name-long = { $count ->
    [zero] الاسم ليس أطول من المسموح، وهو 64.
    [one] الاسم أطول من المسموح بحرف واحد: المسموح 64.
    [two] الاسم أطول من المسموح بحرفين: المسموح 64.
    [few] الاسم أطول من المسموح بـ { $count } أحرف: المسموح 64.
    [many] الاسم أطول من المسموح بـ { $count } حرفًا: المسموح 64.
   *[other] الاسم أطول من المسموح بـ { $count } حرف: المسموح 64.
}

pick = أهلًا بك، { $name }
pick-text = افتح غرفة لتقرأ ما يُكتب فيها وتكتب.
pick-text-keys = افتح غرفة لتقرأ ما يُكتب فيها وتكتب. اضغط ? لعرض كل الاختصارات.
open-this = فتح { $room }
not-joined = لست في هذه الغرفة
not-joined-text = ادخل { $room } لتقرأها.
not-joined-count = { $count ->
    [zero] ادخل { $room }، لا رسائل فيها بعد.
    [one] ادخل { $room } لتقرأ رسالتها الوحيدة.
    [two] ادخل { $room } لتقرأ رسالتيها.
    [few] ادخل { $room } لتقرأ رسائلها، وعددها { $count }.
    [many] ادخل { $room } لتقرأ رسائلها، وعددها { $count }.
   *[other] ادخل { $room } لتقرأ رسائلها، وعددها { $count }.
}
no-such-room = لا توجد غرفة { $room } بعد
no-such-room-text = يمكنك إنشاؤها. تبدأ بأول رسالة فيها.
join-this = دخول { $room }
create-this = إنشاء { $room }

room-menu = حول هذه الغرفة
room-new = لا رسائل بعد
leave = مغادرة الغرفة
leave-text = تُحذف { $room } من قائمتك. يبقى ما كُتب فيها، ويمكنك العودة.

looks = العرض
density = الكثافة
density-comfortable = مريحة
density-compact = مدمجة
version = إصدار الخادم { $version }.
copy-events-hint = آخر أحداث التطبيق، بلا رسائل أو أسماء أو رموز دخول.

notifications = الإشعارات
notifications-show = إظهار الإشعارات
notifications-on = تشغيل
notifications-off = إيقاف
notifications-hint = ما دام التطبيق مفتوحاً في هذا المتصفح. لكل غرفة إعدادها.
notifications-denied = لا يسمح المتصفح بإشعارات هذه الصفحة. يمكن تغيير ذلك في إعدادات الصفحة.
notifications-none = لا يعرض هذا المتصفح الإشعارات إلا في صفحات https.
notifications-offer = كتب { $name } أثناء غيابك. هل تريد إشعاراً في المرة القادمة؟
notifications-accept = إظهار الإشعارات
notifications-later = ليس الآن
notify-title = { $name } في { $room }
level = أشعرني بـ
level-all = كل الرسائل
level-mentions = الإشارات إليّ فقط
level-nothing = لا شيء

not-loaded = لم يُحمَّل هذا الجزء
not-loaded-text = تعذر جلب جزء من التطبيق. أعد المحاولة حين يمكن الوصول إلى الخادم. بعد تحديث الخادم أعد تحميل الصفحة.

shortcuts = اختصارات لوحة المفاتيح
shortcut-find = الانتقال إلى غرفة
shortcut-step = الغرفة السابقة أو التالية
shortcut-step-unread = الغرفة غير المقروءة السابقة أو التالية
shortcut-newest = إغلاق المفتوح أو الانتقال إلى أحدث رسالة
shortcut-send = إرسال الرسالة
shortcut-line = سطر جديد
shortcut-help = هذه القائمة
`;
