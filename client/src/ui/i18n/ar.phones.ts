/** The texts that only phones need, in the syntax of Fluent. */
export const ar = `
# ما يقوله التطبيق على الهواتف فقط.
not-encrypted = غير مشفّر: يمكن لكل من في هذه الشبكة أن يقرأ ما تكتبه.
problem-not-encrypted = بدون https لا تُستخدم إلا الخوادم الموجودة في شبكتك، لأن أي أحد على الطريق يمكنه القراءة. اطلب عنوانًا يبدأ بـ https.
`;
