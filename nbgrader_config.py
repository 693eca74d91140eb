"""Settings of every nbgrader command of this course; run them in this folder.

``nbgrader autograde nb1_autoencoder`` grades in profile ``embedded``;
``--GradeInSandbox.profile=quick`` trains less and says less. A report that still holds is used
again; ``--GradeInSandbox.again=True`` grades anew.
"""

from grader.nbgrader_plugin import configure_course

c = get_config()  # noqa: F821 (nbgrader puts it here)
configure_course(c)
