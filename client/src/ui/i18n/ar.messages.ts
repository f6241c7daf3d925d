/** The texts of messages and their list, in the syntax of Fluent. */
export const ar = `
today = اليوم
yesterday = أمس
messages-in = الرسائل في { $room }
unread-separator = جديد
jump = انتقل إلى الأحدث
jump-count = { $count ->
    [zero] انتقل إلى الأحدث، لا رسائل جديدة
    [one] انتقل إلى الأحدث، رسالة جديدة
    [two] انتقل إلى الأحدث، رسالتان جديدتان
    [few] انتقل إلى الأحدث، { $count } رسائل جديدة
    [many] انتقل إلى الأحدث، { $count } رسالة جديدة
   *[other] انتقل إلى الأحدث، { $count } رسالة جديدة
}
loading = جارٍ التحميل…
refused = لا يحق لك قراءة هذه الغرفة.
removed = لم تعد الرسائل الأقدم محفوظة.
went-back = عاد الخادم إلى حالة سابقة. قد تكون بعض الرسائل مفقودة، ومنها رسائل أرسلتها أنت.
went-back-after = عاد الخادم إلى حالة سابقة. قد تكون الرسائل بعد { $time } مفقودة، ومنها رسائل أرسلتها أنت.
older-failed = تعذّر جلب الرسائل الأقدم الآن. حاول مرة أخرى
state-waiting = في الانتظار
state-accepted = قُبلت
state-failed = فشل الإرسال
state-conflict = لم تُقبل
failed-because = لم تُقبل: { $reason }
failed-conflict = لم تُقبل: لدى الخادم نص آخر لك مكان هذه الرسالة. انسخ النص وأرسله كرسالة جديدة.
waits-because = لم تُقبل بعد: { $reason }
discard = حذف
show-all = عرض الكل
show-less = عرض أقل
announce-one = { $sender }: { $text }
announce-many = { $count ->
    [zero] لا رسائل جديدة
    [one] رسالة جديدة
    [two] رسالتان جديدتان
    [few] { $count } رسائل جديدة
    [many] { $count } رسالة جديدة
   *[other] { $count } رسالة جديدة
}
unread-pill = { $count ->
    [zero] لا رسائل جديدة
    [one] رسالة جديدة
    [two] رسالتان جديدتان
    [few] { $count } رسائل جديدة
    [many] { $count } رسالة جديدة
   *[other] { $count } رسالة جديدة
}
beginning = لم يُكتب شيء هنا بعد. اكتب الكلمة الأولى، أو ادعُ الآخرين عبر الرابط.
beginning-read-only = لم يُكتب شيء هنا بعد.
copy-room-link = نسخ رابط هذه الغرفة
copy-text = نسخ النص
copy-link = نسخ الرابط
copy-code = نسخ الشيفرة
copied = تم النسخ
not-copied = لا يسمح هذا الجهاز بالنسخ
message-menu = المزيد
message-absent = لم تعد هذه الرسالة محفوظة، أو أنها غير موجودة
emoji = رموز تعبيرية
emoji-failed = يتعذر تحميل الرموز الآن
emoji-offers = رموز بهذا الاسم
formatting = تنسيق
format-bold = عريض
format-italic = مائل
format-strike = يتوسطه خط
format-code = شيفرة
format-list = قائمة
format-quote = اقتباس
no-files = لا يمكن إرسال الملفات بعد. ما كتبته لا يزال هنا.
paste-too-long = في هذا النص { $size } حرفًا، والرسالة تتسع لـ { $most } بايت. أرسله على أجزاء.
`;
