/** The texts that only phones need, in the syntax of Fluent. */
export const ar = `
# What the app says on phones only.
not-encrypted = غير مشفّر: يمكن لكل من في هذه الشبكة أن يقرأ ما تكتبه.
problem-not-encrypted = بدون https لا تُستخدم إلا الخوادم الموجودة في شبكتك، لأن أي أحد على الطريق يمكنه القراءة. اطلب عنوانًا يبدأ بـ https.

# Links that open the app.
follow-other = خادم آخر
follow-other-text = يقود الرابط إلى { $server }. يعمل التطبيق مع خادم واحد في كل مرة. سيُسجَّل خروجك من { $present }، وسينسى هذا الجهاز ما لديه منه.
follow-first-text = يقود الرابط إلى { $server }. هل تريد استخدام هذا الخادم؟
follow-waiting = { $count ->
    [zero] لن تضيع أي رسالة.
    [one] ستضيع رسالة واحدة تنتظر الإرسال.
    [two] ستضيع رسالتان تنتظران الإرسال.
    [few] ستضيع { $count } رسائل تنتظر الإرسال.
    [many] ستضيع { $count } رسالة تنتظر الإرسال.
   *[other] ستضيع { $count } رسالة تنتظر الإرسال.
}
follow-change = سجّل الخروج وافتح
follow-use = استخدم هذا الخادم
`;
