/** The texts for the reasons that the server or the app gives for what was not done, in the syntax of Fluent. */
export const ar = `
reason-invalid = لا يقبل الخادم هذا بصورته الحالية. يقول الخادم: { $text }
reason-invalid-msg = النص فارغ أو أطول من المسموح أو فيه محارف لا يقبلها الخادم. عدّله ثم أرسله من جديد.
reason-invalid-name = لا يقبل هذا الخادم اسمك. سجّل الخروج ثم ادخل باسم آخر.
reason-invalid-room = لا يصلح هذا اسمًا لغرفة.
reason-misunderstood = لا يفهم الخادم هذا التطبيق. أعد تحميل التطبيق ليكون الإصداران متوافقين.
reason-too-large = هذا أكثر مما يقبله الخادم دفعة واحدة. أرسله على أجزاء.
reason-unauthenticated = لم يعد الخادم يقبل رمز دخولك. أدخل رمزًا جديدًا.
reason-forbidden = لا يُسمح لك بهذا هنا. اسأل المسؤولين عن الخادم.
reason-conflict = لدى الخادم نص آخر لك مكان هذه الرسالة. انسخ النص وأرسله كرسالة جديدة.
reason-timeout = الاتصال أبطأ من أن يتم هذا. حاول من جديد حين يتحسن.
reason-rate-limited = لا يقبل الخادم إلا عددًا محدودًا في وقت واحد. انتظر لحظة.
reason-too-many = لديك غرف أو نوافذ كثيرة مفتوحة في آن واحد. غادر غرفة أو أغلق نوافذ أخرى.
reason-unavailable = لا يستطيع الخادم ذلك الآن. انتظر لحظة.
reason-internal = حدث خطأ في الخادم. إن تكرر فأخبر المسؤولين عنه.
reason-unreachable = الخادم لا يجيب. تحقق من اتصالك.
reason-unreadable = تتعذر قراءة جواب الخادم. ربما غيّره شيء في الطريق.
reason-unknown = رفض الخادم ذلك. يقول الخادم: { $text }
`;
