from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('idp', '0061_taken_over'),
    ]

    operations = [
        migrations.AddField(
            model_name='client',
            name='own_sign_in',
            field=models.BooleanField(db_default=True, default=True, verbose_name='sign-in with our own accounts'),
        ),
        migrations.AddField(
            model_name='client',
            name='upstreams',
            field=models.JSONField(blank=True, db_default=[], default=list, verbose_name='identity providers'),
        ),
    ]
